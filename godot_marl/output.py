"""Finds script errors in what Godot printed, for those that come before the bridge can report them."""

from __future__ import annotations

import re

from godot_marl.errors import ScriptError

_SCRIPT_ERROR = re.compile(
    r"^SCRIPT ERROR: (?P<message>.*)\n\s+at: (?P<function>.*) \((?P<file>.*):(?P<line>\d+)\)", re.MULTILINE
)


def script_error_in(output: str) -> ScriptError | None:
    """The script errors in Godot's output as an exception, or None if there are none."""
    found = [
        {"file": m["file"], "line": int(m["line"]), "function": m["function"], "message": m["message"]}
        for m in _SCRIPT_ERROR.finditer(output)
    ]
    if not found:
        return None
    first = found[0]
    error = ScriptError(
        f"A script of the game failed: {first['message']}",
        where=f"{first['file']}:{first['line']}",
        remedy="Mend the script.",
    )
    error.script_errors = tuple(found)
    return error

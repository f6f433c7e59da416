"""Reads what a game printed: script errors from before the bridge can report them, and the bridge's own complaint."""

from __future__ import annotations

import contextlib
import re
import signal

from godot_marl.errors import ScriptError

_SCRIPT_ERROR = re.compile(
    r"^SCRIPT ERROR: (?P<message>.*)\n\s+at: (?P<function>.*?) \((?P<file>.*):(?P<line>\d+)\)", re.MULTILINE
)
_SCRIPT_ERROR_OF_GODOT_3 = re.compile(
    r"^SCRIPT ERROR: (?P<function>.*?): (?P<message>.*)\n\s+At: (?P<file>.*):(?P<line>\d+)\.", re.MULTILINE
)
_COMPLAINT = re.compile(r"^godot-marl: (.*)$", re.MULTILINE)
# The banner, and the engine's own frames of a crash, which say nothing to the author of a scene.
_NOISE = re.compile(r"Godot Engine v\S+ - https://|\[\d+\] .*\(\S*\+0x[0-9a-f]+\)")


def script_error_in(output: str, *, godot: int = 4) -> ScriptError | None:
    """The script errors in the output of Godot 4, or of Godot 3, as an exception; None if there are none."""
    pattern = _SCRIPT_ERROR if godot == 4 else _SCRIPT_ERROR_OF_GODOT_3
    found = [
        {"file": m["file"], "line": int(m["line"]), "function": m["function"], "message": m["message"]}
        for m in pattern.finditer(output.replace("\r\n", "\n"))
    ]
    if not found:
        return None
    first = found[0]
    # While a script is parsed, the function is one of the engine: GDScript::reload.
    function = "" if "::" in str(first["function"]) else f", in {first['function']}()"
    error = ScriptError(
        f"A script of the game failed: {first['message']}",
        where=f"{first['file']}:{first['line']}{function}",
        got=f"{len(found)} errors, of which this was the first" if len(found) > 1 else None,
        remedy="Mend the script.",
    )
    error.script_errors = tuple(found)
    return error


def complaint_in(output: str) -> str | None:
    """Why the bridge ended the game, or None if it did not."""
    found = _COMPLAINT.findall(output)
    return str(found[-1]) if found else None


def last_words(output: str) -> str:
    """What the game printed last, to be put into an error."""
    lines = [line for line in output.splitlines() if line.strip() and not _NOISE.match(line)]
    return "\n    ".join(["it printed last", *lines]) if lines else "it printed nothing"


def describe_status(status: int | None) -> str:
    """How a game ended: its exit status, or the signal that ended it."""
    if status is not None and status < 0:
        with contextlib.suppress(ValueError):
            return f"ended by the signal {signal.Signals(-status).name}"
    return f"exit status {'unknown' if status is None else status}"

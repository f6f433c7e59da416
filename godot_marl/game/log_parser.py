"""Finds errors in a game's output: script errors that the bridge cannot report, and errors of the bridge itself."""

from __future__ import annotations

import contextlib
import re
import signal

from godot_marl.errors import ScriptError

_SCRIPT_ERROR = re.compile(
    r"^SCRIPT ERROR: (?P<message>.*)\n\s+at: (?P<function>.*?) \((?P<file>.*):(?P<line>\d+)\)", re.MULTILINE
)
_GODOT_3_SCRIPT_ERROR = re.compile(
    r"^SCRIPT ERROR: (?P<function>.*?): (?P<message>.*)\n\s+At: (?P<file>.*):(?P<line>\d+)\.", re.MULTILINE
)
_BRIDGE_ERROR = re.compile(r"^godot-marl: (.*)$", re.MULTILINE)
# The banner, and the native stack frames of a crash, which do not help the author of a scene.
_NOISE = re.compile(r"Godot Engine v\S+ - https://|\[\d+\] .*\(\S*\+0x[0-9a-f]+\)")


def script_error_in(output: str, *, godot: int = 4) -> ScriptError | None:
    """Find the script errors in the output of a game.

    Args:
        output: The output.
        godot: The major version of the engine, 3 or 4.

    Returns:
        The error about all of them; None if there are none.
    """
    pattern = _SCRIPT_ERROR if godot == 4 else _GODOT_3_SCRIPT_ERROR
    found = [
        {"file": m["file"], "line": int(m["line"]), "function": m["function"], "message": m["message"]}
        for m in pattern.finditer(output.replace("\r\n", "\n"))
    ]
    if not found:
        return None
    first = found[0]
    # A parse error has a function of the engine, GDScript::reload.
    function = "" if "::" in str(first["function"]) else f", in {first['function']}()"
    error = ScriptError(
        f"A script of the game failed: {first['message']}",
        where=f"{first['file']}:{first['line']}{function}",
        got=f"{len(found)} errors, of which this was the first" if len(found) > 1 else None,
        remedy="Fix the script.",
    )
    error.script_errors = tuple(found)
    return error


def bridge_error_in(output: str) -> str | None:
    """The last error that the bridge printed; None if it printed none."""
    found = _BRIDGE_ERROR.findall(output)
    return str(found[-1]) if found else None


def tail_for_message(output: str) -> str:
    """The end of a game's output, for the text of an error."""
    lines = [line for line in output.splitlines() if line.strip() and not _NOISE.match(line)]
    return "\n    ".join(["it printed last", *lines]) if lines else "it printed nothing"


def describe_status(status: int | None) -> str:
    """Describe how a game ended: its exit status, or the signal that ended it; None for an unknown status."""
    if status is not None and status < 0:
        with contextlib.suppress(ValueError):
            return f"ended by the signal {signal.Signals(-status).name}"
    return f"exit status {'unknown' if status is None else status}"

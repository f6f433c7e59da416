"""The errors that a game reports, as exceptions (`docs/protocol.md`, clause 2.7 and section 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from godot_marl import errors

_ERROR_OF_CODE: dict[str, type[errors.GodotMarlError]] = {
    "no_agent": errors.NoAgentError,
    "agent_name": errors.SceneError,
    "agent_set": errors.SceneError,
    "birth": errors.SceneError,
    "turn": errors.SceneError,
    "space": errors.InvalidSpaceError,
    "observation": errors.InvalidObservationError,
    "state": errors.InvalidObservationError,
    "reward": errors.InvalidObservationError,
    "end": errors.InvalidObservationError,
    "action_mask": errors.InvalidObservationError,
    "human_action": errors.SceneError,
    "info": errors.InvalidObservationError,
    "options": errors.InvalidOptionError,
    "script": errors.ScriptError,
    "render": errors.InvalidOptionError,
    "configure": errors.InvalidOptionError,
    "protocol": errors.ProtocolError,
}


def error_from_message(message: Mapping[str, Any]) -> errors.GodotMarlError:
    """The exception for an error message (2.7)."""
    cls = _ERROR_OF_CODE.get(str(message.get("code")), errors.SceneError)
    parts = {key: str(message.get(key) or "") for key in ("where", "expected", "got", "remedy")}
    error = cls(str(message.get("what") or "The game reported an error."), **parts)
    if isinstance(error, errors.ScriptError):
        error.script_errors = tuple(dict(entry) for entry in message.get("script_errors") or ())
    return error


def broken_reply_error(where: str, got: str) -> errors.ProtocolError:
    """The slot flags of a reply contradict each other, or those of earlier replies."""
    return errors.ProtocolError(
        "The game's reply contradicts itself.",
        where=where,
        expected="slot flags as in docs/protocol.md, clause 6.3",
        got=got,
        remedy="Install the addon that belongs to this package: godot-marl addon install PROJECT_FOLDER.",
    )

"""The tree of errors: their names, what catches each, and their attributes. Adding an error is allowed."""

from __future__ import annotations

import pytest

from godot_marl import errors

# What catches each, beside GodotMarlError.
ERRORS: dict[str, list[type[Exception] | str]] = {
    "GodotMarlError": [Exception],
    "InvalidOptionError": [ValueError],
    "InvalidActionError": [ValueError],
    "ResetNeededError": [RuntimeError],
    "StepOrderError": [RuntimeError],
    "BusyEnvironmentError": [RuntimeError],
    "ClosedEnvironmentError": [RuntimeError],
    "CacheError": [OSError],
    "MissingDependencyError": [ImportError],
    "EngineError": [],
    "EngineNotFoundError": ["EngineError"],
    "EngineVersionError": ["EngineError"],
    "EngineInstallError": ["EngineError"],
    "GameError": [],
    "GameNotFoundError": ["GameError", FileNotFoundError],
    "GameImportError": ["GameError"],
    "NoBridgeError": ["GameError"],
    "GameExitedError": ["GameError"],
    "GameTimeoutError": ["GameError", TimeoutError],
    "WorkerRestartError": ["GameError"],
    "AddressInUseError": ["GameError"],
    "SceneError": [],
    "NoAgentError": ["SceneError"],
    "InvalidSpaceError": ["SceneError", ValueError],
    "InvalidObservationError": ["SceneError", ValueError],
    "ScriptError": ["SceneError"],
    "SeveralAgentsError": ["SceneError"],
    "ProtocolError": [],
    "ProtocolVersionError": ["ProtocolError"],
}
ERROR_ATTRIBUTES: dict[str, dict[str, object]] = {
    "GameExitedError": {"exit_status": None, "output": ""},
    "GameTimeoutError": {"output": ""},
    "WorkerRestartError": {"worker": 0, "restarts": 0, "exit_status": None, "output": ""},
    "ScriptError": {"script_errors": ()},
}


@pytest.mark.parametrize("name", ERRORS)
def test_every_error_is_caught_by_what_caught_it(name: str) -> None:
    cls = getattr(errors, name)
    bases = [getattr(errors, base) if isinstance(base, str) else base for base in ERRORS[name]]
    for base in [errors.GodotMarlError, *bases]:
        assert issubclass(cls, base), base


@pytest.mark.parametrize("name", ERRORS)
def test_every_error_has_its_attributes(name: str) -> None:
    cls = getattr(errors, name)
    parts = {"where": "here", "expected": "this", "got": "that", "remedy": "Do it."}
    error = cls("It broke.", **parts)
    assert {key: getattr(error, key) for key in ("what", *parts)} == {"what": "It broke.", **parts}
    attributes = ERROR_ATTRIBUTES.get(name, {})
    assert {key: getattr(error, key) for key in attributes} == attributes
    alone = cls("It broke.")
    assert [getattr(alone, key) for key in parts] == [None] * 4

"""The tree of errors."""

from __future__ import annotations

import inspect
import pickle

import pytest

from godot_marl import errors
from godot_marl.errors import GodotMarlError

CLASSES = [c for _, c in inspect.getmembers(errors, inspect.isclass) if c.__module__ == errors.__name__]
PARTS = {"where": "here", "expected": "this", "got": "that", "remedy": "Do it."}


def test_everything_is_under_one_root() -> None:
    assert len(CLASSES) > 20
    assert all(issubclass(cls, GodotMarlError) for cls in CLASSES)


@pytest.mark.parametrize("cls", CLASSES)
def test_a_class_says_in_one_sentence_when_it_is_raised(cls: type[GodotMarlError]) -> None:
    sentence = (cls.__doc__ or "").split("\n\n")[0]
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert "Error" in cls.__name__


@pytest.mark.parametrize("cls", CLASSES)
def test_an_error_crosses_a_process_with_all_its_parts(cls: type[GodotMarlError]) -> None:
    error = cls("It broke.", **PARTS)
    error.added_later = [1, 2]  # type: ignore[attr-defined]
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(copy) is cls
    assert vars(copy) == vars(error)
    assert str(copy) == str(error)
    assert copy.args == error.args


def test_attributes_of_a_class_cross_a_process_too() -> None:
    exited = errors.GameExitedError("The game ended.")
    exited.exit_status, exited.output = -9, "last words"
    failed = errors.ScriptError("A script failed.")
    failed.script_errors = ({"file": "a.gd", "line": 3},)
    copies = pickle.loads(pickle.dumps([exited, failed]))  # noqa: S301 - our own bytes
    assert (copies[0].exit_status, copies[0].output) == (-9, "last words")
    assert copies[1].script_errors == ({"file": "a.gd", "line": 3},)


@pytest.mark.parametrize("cls", CLASSES)
def test_the_message_has_a_line_for_each_part(cls: type[GodotMarlError]) -> None:
    lines = str(cls("It broke.", **PARTS)).splitlines()
    assert lines == ["It broke.", "  where: here", "  expected: this", "  got: that", "  what to do: Do it."]


def test_the_message_leaves_out_what_is_not_known() -> None:
    assert str(GodotMarlError("It broke.")) == "It broke."
    assert str(GodotMarlError("It broke.", where="", got="that")) == "It broke.\n  got: that"


@pytest.mark.parametrize(
    ("cls", "builtin"),
    [
        (errors.InvalidOptionError, ValueError),
        (errors.InvalidActionError, ValueError),
        (errors.InvalidSpaceError, ValueError),
        (errors.InvalidObservationError, ValueError),
        (errors.ResetNeededError, RuntimeError),
        (errors.ClosedEnvironmentError, RuntimeError),
        (errors.MissingDependencyError, ImportError),
        (errors.GameNotFoundError, FileNotFoundError),
        (errors.GameTimeoutError, TimeoutError),
    ],
)
def test_an_error_is_also_what_python_programs_expect(cls: type[GodotMarlError], builtin: type[Exception]) -> None:
    with pytest.raises(builtin, match="It broke"):
        raise cls("It broke.", **PARTS)

"""What a user reads when a script fails while it runs, and that the environment can go on after it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from faults import MakeEnv, play, told
from processes import leaves_nothing

from godot_marl import errors

pytestmark = [pytest.mark.godot, pytest.mark.usefixtures("mark")]


AGENT_METHODS = [
    "_init",
    "_ready",
    "_process",
    "_physics_process",
    "apply_action",
    "get_observation",
    "get_reward",
    "is_done",
    "reset",
    "get_observation_space",
    "get_action_space",
    "is_truncated",
    "get_info",
    "get_action_mask",
    "get_agent_name",
    "get_policy_name",
    "set_seed",
    "set_options",
]
ROOT_METHODS = ["reset_arena", "get_state", "get_state_space"]
IN_SCRIPT = {
    **dict.fromkeys(AGENT_METHODS, "failing.gd"),
    **dict.fromkeys(ROOT_METHODS, "failing_root.gd"),
}


@pytest.mark.parametrize("method", IN_SCRIPT)
def test_script_that_fails_is_an_error_with_its_place_and_never_a_zero(
    make: MakeEnv, scenes: Path, monkeypatch: pytest.MonkeyPatch, method: str, mark: str
) -> None:
    monkeypatch.setenv("FAULT", method)
    env = make("failing")
    with pytest.raises(errors.ScriptError) as raised:
        play(env)
    script = IN_SCRIPT[method]
    lines = (scenes / script).read_text().splitlines()
    line = next(i for i, text in enumerate(lines, 1) if f'_self_or_nothing("{method}")' in text)
    member = re.search(r"_self_or_nothing\(.*?\)\.(\w+)", lines[line - 1])
    assert member
    message = f"Cannot call method '{member[1]}' on a null value."
    if member[1] == "name":
        message = "Invalid access to property or key 'name' on a base object of type 'Nil'."
    assert str(raised.value) == told(
        f"A script of the game failed: {message}",
        where=f"res://{script}:{line}, in {method}()",
        remedy="Fix the script.",
    )
    assert raised.value.script_errors == (
        {"file": f"res://{script}", "line": line, "function": method, "message": message},
    )
    assert leaves_nothing(mark)


def test_script_error_names_the_callers_of_the_function_that_failed(
    make: MakeEnv, scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAULT", "_weigh")
    env = make("failing")
    with pytest.raises(errors.ScriptError) as raised:
        play(env)
    lines = (scenes / "failing.gd").read_text().splitlines()
    failing, calling = (
        next(i for i, text in enumerate(lines, 1) if sign in text) for sign in ('("_weigh")', "_weigh(_")
    )
    assert raised.value.where == (
        f"res://failing.gd:{failing}, in _weigh(), called by get_reward() at res://failing.gd:{calling}"
    )


def test_endless_recursion_is_an_error_too(make: MakeEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    # The stack is full then, so nothing in the game can report it; Godot prints it.
    monkeypatch.setenv("FAULT", "endless recursion")
    env = make("failing")
    with pytest.raises(errors.ScriptError) as raised:
        play(env)
    assert raised.value.what == (
        "A script of the game failed: Stack overflow. Check for infinite recursion in your script."
    )
    assert (raised.value.where or "").endswith(", in _weigh()")

"""What a user reads when something is wrong, word for word, and that the environment can go on after it."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from processes import MARK, leaves_nothing, marked, new_mark, signal_all

import godot_marl
from godot_marl import errors, worker
from godot_marl.engine import Engine
from godot_marl.observations import ObservationOutOfBoundsWarning
from godot_marl.parallel import GodotParallelEnv

pytestmark = pytest.mark.godot

MakeEnv = Callable[..., GodotParallelEnv]


@pytest.fixture(autouse=True)
def mark(monkeypatch: pytest.MonkeyPatch) -> str:
    """The mark of every process that the test starts."""
    value = new_mark()
    monkeypatch.setenv(MARK, value)
    monkeypatch.delenv("FAULT", raising=False)
    return value


def told(what: str, *, where: str = "", expected: str = "", got: str = "", remedy: str = "") -> str:
    """The text of an error."""
    parts = {"where": where, "expected": expected, "got": got, "what to do": remedy}
    return "\n".join([what, *(f"  {label}: {text}" for label, text in parts.items() if text)])


def play(env: GodotParallelEnv, steps: int = 2) -> None:
    """Reset, and some steps; the errors of scenes come from here."""
    env.reset(seed=1)
    for _ in range(steps):
        env.step(dict.fromkeys(env.agents, 1))


# -- What is asked for does not exist ----------------------------------------------------------------------------------


def test_unknown_project_folder(tmp_path: Path) -> None:
    env = godot_marl.parallel_env(tmp_path / "nowhere")
    with pytest.raises(errors.GameNotFoundError) as raised:
        env.reset()
    assert str(raised.value) == told(
        "There is no Godot project here.",
        where=str(tmp_path / "nowhere"),
        expected="a folder with a project.godot, a .pck file, or an exported game",
        got="no such folder",
        remedy="Give the folder in which your game's project.godot is.",
    )


def test_folder_without_project(tmp_path: Path) -> None:
    env = godot_marl.parallel_env(tmp_path)
    with pytest.raises(errors.GameNotFoundError, match=r"got: a folder without project\.godot"):
        env.reset()


def test_scene_that_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "project.godot").write_text("config_version=5\n")
    (tmp_path / "level.tscn").touch()
    env = godot_marl.parallel_env(tmp_path, scene="res://leve.tscn")
    with pytest.raises(errors.GameNotFoundError) as raised:
        env.reset()
    assert str(raised.value) == told(
        "The scene does not exist in the project.",
        where="scene='res://leve.tscn'",
        expected="one of res://level.tscn",
        got="res://leve.tscn",
    )


def test_project_without_main_scene(tmp_path: Path) -> None:
    (tmp_path / "project.godot").write_text("config_version=5\n")
    env = godot_marl.parallel_env(tmp_path)
    with pytest.raises(errors.GameNotFoundError) as raised:
        env.reset()
    assert str(raised.value) == told(
        "The project has no main scene.",
        where=str(tmp_path / "project.godot"),
        expected="run/main_scene",
        got="nothing",
        remedy="Set it in the editor (Project Settings, Application, Run), or give scene='res://NAME.tscn'.",
    )


def test_engine_older_than_what_is_needed(scenes: Path, tmp_path: Path) -> None:
    old = tmp_path / "godot"
    old.write_text("#!/bin/sh\necho 4.2.1.stable.official.b09f793f5\n")
    old.chmod(0o755)
    env = godot_marl.parallel_env(scenes, engine=old)
    with pytest.raises(errors.EngineVersionError) as raised:
        env.reset()
    assert str(raised.value) == told(
        "This engine is too old.",
        where=f"{old} (the engine= option)",
        expected="Godot 4.5 or newer",
        got="4.2.1.stable.official.b09f793f5",
        remedy="name an executable of Godot 4.5 or newer, or leave the option out to have one found or installed",
    )


def test_command_that_does_not_exist() -> None:
    env = godot_marl.parallel_env(command="no-such-game --fast")
    with pytest.raises(errors.GameError) as raised:
        env.reset()
    assert str(raised.value) == told(
        "The game could not be started.",
        where="no-such-game --fast",
        expected="a program that runs",
        got="FileNotFoundError: [Errno 2] No such file or directory: 'no-such-game'",
        remedy="Run the command by hand to see what is wrong with it.",
    )


# -- Calls -------------------------------------------------------------------------------------------------------------


def test_unknown_option() -> None:
    with pytest.raises(errors.InvalidOptionError) as raised:
        godot_marl.parallel_env("game", steplength=2)
    text = str(raised.value)
    assert text.startswith("There is no option of this name.\n  where: steplength\n  expected: scene, engine, ")
    assert text.endswith("\n  got: 'steplength'\n  what to do: Did you mean step_length?")


def test_bad_seed(make: MakeEnv) -> None:
    env = make("walker")
    for seed in (-1, 2**63, 1.0, True, "1"):
        with pytest.raises(errors.InvalidOptionError) as raised:
            env.reset(seed=seed)
        assert str(raised.value) == told(
            "The seed is out of range.",
            where="seed",
            expected="an integer from 0 to 9223372036854775807",
            got=repr(seed),
        )
    env.reset(seed=np.int64(7))


def test_calls_out_of_order(make: MakeEnv, scenes: Path) -> None:
    env = make("walker")
    for call in (lambda: env.step({"walker_0": 0}), env.state, env.render):
        with pytest.raises(errors.ResetNeededError) as raised:
            call()
    assert str(raised.value) == told(
        "render() was called before reset().",
        where="render()",
        expected="a call of reset() first",
        got="none, or the game failed since",
        remedy="Call reset().",
    )
    env.reset(seed=1)
    env.close()
    for call in (lambda: env.step({"walker_0": 0}), env.reset, env.render):
        with pytest.raises(errors.ClosedEnvironmentError) as closed:
            call()
    assert str(closed.value) == told(
        "The environment was closed.",
        where=str(scenes),
        expected="an open environment",
        got="a call after close()",
        remedy="Make a new one.",
    )


def test_wrong_actions_reach_nobody_and_the_episode_goes_on(make: MakeEnv) -> None:
    env = make("team")
    env.reset(seed=1)
    box = np.zeros(2, np.float32)
    right = {"runner_0": box, "thrower_0": 1, "runner_1": box}
    each = "one action for each of runner_0, thrower_0, runner_1"
    faults: list[tuple[Any, str]] = [
        (
            {"runner_0": box, "runner_1": box},
            told("An action is missing.", where="thrower_0", expected=each, got="actions for runner_0, runner_1"),
        ),
        (
            right | {"goalkeeper_0": 1},
            told(
                "There is an action for an agent that the scene does not have.",
                where="goalkeeper_0",
                expected=each,
                got="actions for runner_0, thrower_0, runner_1, goalkeeper_0",
            ),
        ),
        (
            right | {"thrower_0": 4},
            told(
                "The action of agent thrower_0 is outside its action space.",
                where="thrower_0",
                expected="Discrete(4)",
                got="int: 4",
                remedy="Give a value that action_space(agent).contains() accepts.",
            ),
        ),
        (
            right | {"runner_0": [0.0, 6.0]},
            told(
                "The action of agent runner_0 is outside its action space.",
                where="runner_0",
                expected="Box([-1.  0.], [1. 5.], (2,), float32)",
                got="list: [0.0, 6.0]",
                remedy="Give a value that action_space(agent).contains() accepts.",
            ),
        ),
        (
            1,
            told(
                "The actions are no dictionary.",
                where="step(actions)",
                expected="a dictionary from agent name to action",
                got="int: 1",
            ),
        ),
    ]
    for actions, text in faults:
        with pytest.raises(errors.InvalidActionError) as raised:
            env.step(actions)
        assert str(raised.value) == text
    for bad in (np.array([np.nan, 0.0]), np.zeros(3), np.array(["a", "b"]), None):
        with pytest.raises(errors.InvalidActionError):
            env.step(right | {"runner_0": bad})
    observations, *_ = env.step(right)
    assert observations["runner_0"].item() == 1


def test_port_in_use(make: MakeEnv) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        env = make("walker", port=port)
        with pytest.raises(errors.AddressInUseError) as raised:
            env.reset()
    assert str(raised.value) == told(
        "Another program already listens where Python should wait for the game.",
        where=f"127.0.0.1:{port}",
        expected="a free port",
        got=f"[Errno 98] Address already in use (while attempting to bind on address ('127.0.0.1', {port}))",
        remedy="End the other program, or give another port= (port=0 lets the system choose).",
    )
    assert env.reset(seed=1)[0]


# -- Scenes that cannot be used ----------------------------------------------------------------------------------------

UNUSABLE: dict[str, tuple[type[errors.GodotMarlError], str]] = {
    "disabled_bridge": (
        errors.NoBridgeError,
        told(
            "The scene's MarlBridge is not enabled.",
            where="PROJECT (res://disabled_bridge.tscn)",
            expected="an enabled MarlBridge in the scene",
            got="the bridge /root/Arena/MarlBridge is not enabled",
            remedy="Switch the bridge's property enabled on in the scene.",
        ),
    ),
    "two_bridges": (
        errors.GameExitedError,
        told(
            "The game ended before it connected.",
            where="PROJECT (res://two_bridges.tscn)",
            expected="a game that runs until the environment is closed",
            got="exit status 1; only one bridge may be enabled, not 2: /root/Arena/MarlBridge, /root/Arena/Second",
            remedy="See what it printed, and look for quit() in the scene; reset() starts the game again.",
        ),
    ),
    "bad_step_length": (
        errors.GameExitedError,
        told(
            "The game ended before it connected.",
            where="PROJECT (res://bad_step_length.tscn)",
            expected="a game that runs until the environment is closed",
            got="exit status 1; step_length of /root/Arena/MarlBridge must be at least 1, not 0",
            remedy="See what it printed, and look for quit() in the scene; reset() starts the game again.",
        ),
    ),
    "no_agent": (
        errors.NoAgentError,
        told(
            "The scene has no agent.",
            where="/root/Arena",
            expected="at least one node with the methods apply_action, get_observation, get_reward, reset, is_done",
            got="none",
            remedy="Give a node these five methods, or let the bridge's arena_root point above it.",
        ),
    ),
    "half_agent": (
        errors.NoAgentError,
        told(
            "The scene has no agent.",
            where="/root/Arena",
            expected="at least one node with the methods apply_action, get_observation, get_reward, reset, is_done",
            got="/root/Arena/Half: This node has 3 of the 5 methods of an agent; it lacks get_reward, is_done.",
            remedy="Give a node these five methods, or let the bridge's arena_root point above it.",
        ),
    ),
    "no_action_space": (
        errors.InvalidSpaceError,
        told(
            "Agent spaceless_0 has no action space.",
            where="/root/Arena/Spaceless.get_action_space()",
            expected="an action space from the scene or from Python",
            got="neither",
            remedy="Add get_action_space() to the agent's script, for example `return MarlSpace.discrete(2)`, "
            "or give action_space= in Python.",
        ),
    ),
    "same_names": (
        errors.SceneError,
        told(
            "Two agents have the same name.",
            where="/root/Arena/Bob.get_agent_name()",
            expected="a String that no other agent of the arena answers",
            got='"twin", which is the name of /root/Arena/Ann',
            remedy="Answer another name, or leave the method out: the node's name then makes one.",
        ),
    ),
    "broken/parse_error": (
        errors.ScriptError,
        told(
            'A script of the game failed: Parse Error: Expected ":" after "if" condition.',
            where="res://broken/parse_error.gd:7",
            remedy="Mend the script.",
        ),
    ),
    "broken/parse_error_beside": (
        errors.ScriptError,
        told(
            'A script of the game failed: Parse Error: Expected ":" after "if" condition.',
            where="res://broken/parse_error.gd:7",
            remedy="Mend the script.",
        ),
    ),
}


@pytest.mark.parametrize("scene", UNUSABLE)
def test_scene_that_cannot_be_used(make: MakeEnv, scenes: Path, scene: str, mark: str) -> None:
    kind, text = UNUSABLE[scene]
    env = make(scene)
    with pytest.raises(kind) as raised:
        env.reset(seed=1)
    assert str(raised.value).replace(str(scenes), "PROJECT") == text
    assert leaves_nothing(mark)


@pytest.mark.timeout(60)
def test_a_script_that_would_have_made_the_bridge_is_told_long_before_the_deadline(make: MakeEnv, mark: str) -> None:
    env = make("broken/parse_error_in_root", start_timeout=100)
    with pytest.raises(errors.ScriptError) as raised:
        env.reset(seed=1)
    assert raised.value.where == "res://broken/parse_error_in_root.gd:7"
    assert leaves_nothing(mark)


def test_scene_without_bridge(make: MakeEnv, scenes: Path, mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_NO_BRIDGE_TIMEOUT", 1.0)
    env = make("no_bridge")
    with pytest.raises(errors.NoBridgeError) as raised:
        env.reset(seed=1)
    assert str(raised.value) == told(
        "The scene has no MarlBridge node.",
        where=f"{scenes} (res://no_bridge.tscn)",
        expected="an enabled MarlBridge in the scene",
        got="a game that runs and did not connect in 1 s",
        remedy="Add a MarlBridge node to the scene; `godot-marl addon install PROJECT_FOLDER` brings it.",
    )
    assert leaves_nothing(mark)


def test_game_that_never_connects(mark: str) -> None:
    env = godot_marl.parallel_env(command=["sh", "-c", "echo here I am; sleep 60"], start_timeout=0.5)
    with pytest.raises(errors.GameTimeoutError) as raised:
        env.reset(seed=1)
    assert re.sub(r":\d+\n", ":PORT\n", str(raised.value)) == told(
        "The game runs, but did not connect.",
        where="sh -c 'echo here I am; sleep 60', which should connect to ws://127.0.0.1:PORT",
        expected="a connection within 0.5 s",
        got="it printed last\n    here I am",
        remedy="See whether the scene has an enabled MarlBridge; start_timeout= makes the wait longer.",
    )
    assert leaves_nothing(mark)


def test_nobody_starts_the_game() -> None:
    env = godot_marl.parallel_env(port=0, start_timeout=0.3)
    with pytest.raises(errors.GameTimeoutError) as raised:
        env.reset(seed=1)
    assert re.sub(r":\d+\n", ":PORT\n", str(raised.value)) == told(
        "No game connected.",
        where="ws://127.0.0.1:PORT",
        expected="a game within 0.3 s",
        got="none",
        remedy="Start the game while Python waits, with the bridge's address set to this one; "
        "start_timeout= makes the wait longer.",
    )


def test_single_agent_environment_of_a_scene_with_several(scenes: Path, mark: str) -> None:
    with pytest.raises(errors.SeveralAgentsError) as raised:
        gymnasium.make("godot_marl/Godot-v0", game=scenes, scene="team.tscn")
    assert str(raised.value) == told(
        "Gymnasium knows one agent, and this scene has several.",
        where="runner_0, thrower_0, runner_1",
        expected="1 agent",
        got="3 agents",
        remedy="Use godot_marl.parallel_env or godot_marl.env.",
    )
    assert leaves_nothing(mark)


# -- Scripts that fail while they run ----------------------------------------------------------------------------------

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
        remedy="Mend the script.",
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


# -- Methods that answer something wrong -------------------------------------------------------------------------------

TYPES = {"get_reward": "a float", "is_done": "a bool", "is_truncated": "a bool", "get_info": "a Dictionary"}
VALUES = {
    "null": "null (a script error, or a path without return)",
    '"text"': "String: text",
    "[1, 2]": "Array of size 2: [1, 2]",
}
NODE = "/root/Arena/Answering"


def wrong_answer(method: str, expected: str, got: str) -> str:
    return told(
        f"Agent answering: {method}() answered something of the wrong type or size.",
        where=f"{NODE}.{method}()",
        expected=expected,
        got=got,
        remedy=f"Give {method}() its return type, and a return on every path.",
    )


def wrong_observation(expected: str, got: str) -> str:
    return told(
        "Agent answering answered an observation that is not in its space.",
        where=f"{NODE}.get_observation()",
        expected=expected,
        got=got,
        remedy="Answer as many numbers as get_observation_space() says, each a number.",
    )


def no_number(got: str) -> str:
    return told(
        "The observation of agent answering is not in its space.",
        where=f"{NODE}.get_observation()",
        expected="numbers",
        got=got,
        remedy="Look for a division by zero, or for a vector of length zero that was normalized.",
    )


def no_space(method: str, expected: str, got: str) -> str:
    return told(
        f"Agent answering: {method}() answered no space that crosses the wire.",
        where=f"{NODE}.{method}()",
        expected=expected,
        got=got,
        remedy="Build it with MarlSpace, for example MarlSpace.discrete(2).",
    )


def no_name(got: str) -> str:
    return told(
        "An agent has no name.",
        where=f"{NODE}.get_agent_name()",
        expected="a String that no other agent of the arena answers",
        got=got,
        remedy="Answer another name, or leave the method out: the node's name then makes one.",
    )


def no_list_of_keys(got: str) -> str:
    return told(
        "set_options() must answer the keys that it rejects.",
        where=f"{NODE}.set_options()",
        expected="an Array of keys, empty if all are fine",
        got=got,
        remedy="Return [] when every option is known.",
    )


OBSERVATION = errors.InvalidObservationError
SPACE = errors.InvalidSpaceError
Answers = dict[str, tuple[type[errors.GodotMarlError], str]]

ANSWERS: Answers = {
    **{
        f"{method}={value}": (OBSERVATION, wrong_answer(method, expected, got))
        for method, expected in TYPES.items()
        for value, got in VALUES.items()
    },
    **{
        f"get_observation={value}": (OBSERVATION, wrong_observation("2 numbers", got))
        for value, got in {
            "null": VALUES["null"],
            '"text"': VALUES['"text"'],
            "{}": "Dictionary: {  }",
            "[0.5]": "Array of size 1: [0.5]",
            "[0.5, 0.5, 0.5]": "Array of size 3: [0.5, 0.5, 0.5]",
            '[0.5, "0.5"]': 'Array of size 2: [0.5, "0.5"]',
            "[null, 0.5]": "Array of size 2: [<null>, 0.5]",
            "PackedFloat32Array(0.5)": "PackedFloat32Array of size 1: [0.5]",
            "PackedStringArray()": "PackedStringArray of size 0: []",
            "Vector2(0.5, 0.5)": "Vector2: (0.5, 0.5)",
        }.items()
    },
    "get_observation=[0.5, nan]": (OBSERVATION, no_number("nan at [1]")),
    "get_observation=PackedFloat32Array(nan, nan)": (OBSERVATION, no_number("nan at [0] (and 1 more)")),
    "get_reward=nan": (
        OBSERVATION,
        told(
            "The reward of agent answering is no number.",
            where=f"{NODE}.get_reward()",
            expected="a number",
            got="NaN",
            remedy="Look for a division by zero or a root of a negative number in get_reward().",
        ),
    ),
    **{
        f"get_action_mask={value}": (OBSERVATION, wrong_answer("get_action_mask", "2 times 0 or 1", got))
        for value, got in {
            "null": VALUES["null"],
            "[1]": "Array of size 1: [1]",
            "[1, 2]": "Array of size 2: [1, 2]",
            "[1, null]": "Array of size 2: [1, <null>]",
        }.items()
    },
    "get_observation_space=null at once": (SPACE, no_space("get_observation_space", "a Dictionary", VALUES["null"])),
    'get_observation_space={"type": "box"} at once': (
        SPACE,
        no_space("get_observation_space", "a space", "shape must be a list of integers of at least 1, not <null>"),
    ),
    'get_action_space={"type": "discrete", "n": 0} at once': (
        SPACE,
        no_space("get_action_space", "a space", "n must be an integer of at least 1"),
    ),
    'get_action_space={"type": "discret"} at once': (
        SPACE,
        no_space(
            "get_action_space",
            "a space",
            "type must be box, discrete, multi_discrete, multi_binary, dict or tuple, not discret",
        ),
    ),
    'get_action_space={"type": "multi_binary", "n": 2} at once': (
        OBSERVATION,
        told(
            "Agent answering has an action mask, which its action space cannot have.",
            where=f"{NODE}.get_action_mask()",
            expected="a discrete or multi_discrete action space",
            got="a multi_binary",
            remedy="Take get_action_mask() away, or make the action space a discrete one.",
        ),
    ),
    "get_agent_name=null at once": (errors.SceneError, no_name(VALUES["null"])),
    'get_agent_name="" at once': (errors.SceneError, no_name("String: ")),
    "get_policy_name=5 at once": (
        errors.SceneError,
        told(
            "Agent answering names no policy.",
            where=f"{NODE}.get_policy_name()",
            expected="a String that is not empty",
            got="int: 5",
            remedy="Answer the name of a policy, or leave the method out: the policy is then default.",
        ),
    ),
    "set_options=null at once": (errors.InvalidOptionError, no_list_of_keys(VALUES["null"])),
    "set_options=5 at once": (errors.InvalidOptionError, no_list_of_keys("int: 5")),
}


@pytest.mark.parametrize("fault", ANSWERS)
def test_method_that_answers_something_wrong(
    make: MakeEnv, monkeypatch: pytest.MonkeyPatch, fault: str, mark: str
) -> None:
    monkeypatch.setenv("FAULT", fault)
    kind, text = ANSWERS[fault]
    env = make("answering")
    with pytest.raises(kind) as raised:
        play(env)
    assert str(raised.value) == text
    env.close()
    assert leaves_nothing(mark)


def test_observation_of_another_length_than_python_said(make: MakeEnv) -> None:
    env = make("walker", observation_space=spaces.Box(-1, 1, (3,)))
    with pytest.raises(OBSERVATION) as raised:
        env.reset(seed=1)
    assert str(raised.value) == told(
        "Agent walker_0 answered an observation that is not in its space.",
        where="/root/Line/Walker.get_observation()",
        expected="3 numbers",
        got="Array of size 1: [0.0]",
        remedy="Answer as many numbers as observation_space= in Python says, each a number.",
    )


def test_observation_out_of_bounds_warns_once_and_is_passed_on(make: MakeEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULT", "get_observation=[0.5, 1.5]")
    env = make("answering")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        play(env)
        observations, *_ = env.step({"answering": 0})
    assert [(item.category, str(item.message)) for item in caught] == [
        (
            ObservationOutOfBoundsWarning,
            f"{NODE}.get_observation(): the observation of agent answering is outside its space "
            "Box(0.0, 1.0, (2,), float32): 1.5 at [1]. It is passed on unclipped; widen get_observation_space(). "
            "This is said once for each agent.",
        )
    ]
    assert observations["answering"]["observation"].tolist() == [0.5, 1.5]


def test_mask_of_booleans_is_a_mask(make: MakeEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULT", "get_action_mask=[true, false] at once")
    assert make("answering").reset(seed=1)[1]["answering"]["action_mask"].tolist() == [1, 0]


# -- Games that end, or do not -----------------------------------------------------------------------------------------


def test_endless_loop_ends_with_the_deadline(
    make: MakeEnv, scenes: Path, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    monkeypatch.setenv("FAULT", "apply_action=loop")
    env = make("answering", step_timeout=0.5)
    with pytest.raises(errors.GameTimeoutError) as raised:
        play(env)
    assert str(raised.value) == told(
        "The game did not answer in time; it was ended.",
        where=f"{scenes} (res://answering.tscn), while Python was waiting for an answer",
        expected="an answer within 0.5 s",
        got="it printed nothing",
        remedy="Look for an endless loop in the scene, or give a longer step_timeout=.",
    )
    assert leaves_nothing(mark)
    monkeypatch.delenv("FAULT")
    play(env)


def test_game_that_quits_itself(make: MakeEnv, scenes: Path, monkeypatch: pytest.MonkeyPatch, mark: str) -> None:
    monkeypatch.setenv("FAULT", "apply_action=quit")
    env = make("answering")
    with pytest.raises(errors.GameExitedError) as raised:
        play(env)
    assert str(raised.value) == told(
        "The game ended while Python was waiting for an answer.",
        where=f"{scenes} (res://answering.tscn)",
        expected="a game that runs until the environment is closed",
        got="exit status 3; it printed nothing",
        remedy="See what it printed, and look for quit() in the scene; reset() starts the game again.",
    )
    assert raised.value.exit_status == 3
    assert leaves_nothing(mark)
    with pytest.raises(errors.ResetNeededError):
        env.step({"answering": 0})
    monkeypatch.delenv("FAULT")
    play(env)


def test_game_that_is_killed(make: MakeEnv, mark: str) -> None:
    env = make("walker")
    play(env)
    signal_all(marked(mark)["game"], signal.SIGKILL)
    with pytest.raises(errors.GameExitedError) as raised:
        play(env)
    assert raised.value.exit_status == -signal.SIGKILL
    assert raised.value.got == "ended by the signal SIGKILL; it printed nothing"
    assert leaves_nothing(mark)
    play(env)


def test_game_that_is_stopped_ends_with_the_deadline(make: MakeEnv, mark: str) -> None:
    env = make("walker", step_timeout=0.5)
    play(env)
    signal_all(marked(mark)["game"], signal.SIGSTOP)
    with pytest.raises(errors.GameTimeoutError, match=r"an answer within 0\.5 s") as raised:
        play(env)
    assert raised.value.output.startswith("Godot Engine")
    assert leaves_nothing(mark)
    play(env)


def test_game_on_a_slow_machine_is_waited_for(make: MakeEnv, mark: str) -> None:
    env, quick = make("walker"), make("walker")
    for each in (env, quick):
        each.reset(seed=1)
    pids = marked(mark)["game"]
    with ThreadPoolExecutor(1) as pool:
        for _ in range(3):
            signal_all(pids, signal.SIGSTOP)
            step = pool.submit(env.step, {"walker_0": 1})
            with pytest.raises(TimeoutError):
                step.result(0.3)
            signal_all(pids, signal.SIGCONT)
            np.testing.assert_equal(step.result(10), quick.step({"walker_0": 1}))


def test_game_that_prints_megabytes_goes_on_and_fills_nothing(
    make: MakeEnv, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    monkeypatch.setenv("FAULT", "apply_action=print")
    monkeypatch.setattr("godot_marl.process._LARGEST_LOG", 1 << 20)
    env = make("answering")
    env.reset(seed=1)
    (game,) = marked(mark)["game"]
    log = Path(f"/proc/{game}/fd/1").resolve()
    for _ in range(5):
        observations, *_ = env.step({"answering": 1})
        assert observations["answering"]["observation"].tolist() == [0.5, 0.5]
    assert log.name == "output.txt"
    # One step prints more than two megabytes.
    assert log.stat().st_size < 3 << 20


def test_game_that_crashes_shows_where_its_scripts_were(make: MakeEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULT", "apply_action=crash")
    env = make("answering")
    with pytest.raises(errors.GameExitedError) as raised:
        play(env)
    got = raised.value.got or ""
    assert got.startswith("ended by the signal SIGABRT; it printed last\n")
    assert "[1] apply_action (res://answering.gd:" in got


@pytest.mark.parametrize("fault", ["get_reward", "reset"])
def test_error_of_a_script_leaves_an_environment_that_can_be_reset(
    make: MakeEnv, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setenv("FAULT", fault)
    env = make("failing")
    with pytest.raises(errors.ScriptError):
        play(env)
    monkeypatch.delenv("FAULT")
    play(env)


# -- Addons of another version -----------------------------------------------------------------------------------------


@pytest.fixture
def other_version(scenes: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The test scenes with an addon in which one constant is another."""
    constant, ours, theirs = request.param
    project = tmp_path / "game"
    shutil.copytree(scenes, project)
    control = project / "addons" / "godot_marl" / "marl_control.gd"
    source = control.read_text()
    assert source.count(f"const {constant} := {ours}") == 1
    control.write_text(source.replace(f"const {constant} := {ours}", f"const {constant} := {theirs}"))
    return project


SUBPROTOCOL_2 = ("SUBPROTOCOL", '"godot-marl.v1"', '"godot-marl.v2"')
SUBPROTOCOL_0 = ("SUBPROTOCOL", '"godot-marl.v1"', '"godot-marl.v0"')
HELLO_2 = ("PROTOCOL", "1", "2")


@pytest.mark.parametrize(
    ("other_version", "got", "remedy"),
    [
        (SUBPROTOCOL_2, "godot-marl.v2", "Update the Python package: pip install --upgrade godot-marl."),
        (SUBPROTOCOL_0, "godot-marl.v0", "Update the addon: godot-marl addon install PROJECT_FOLDER."),
        (HELLO_2, "godot-marl.v2", "Update the Python package: pip install --upgrade godot-marl."),
    ],
    indirect=["other_version"],
)
def test_addon_of_another_version_is_told_to_both_sides(
    engine: Engine, other_version: Path, got: str, remedy: str
) -> None:
    # A game that Python started would be ended before it could print, so this one is started by hand.
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [str(engine.path), "--headless", "--fixed-fps", "60", "--path", str(other_version), "by_hand.tscn"]
    with subprocess.Popen(
        ["env", f"ADDRESS=ws://127.0.0.1:{port}", *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as game:
        env = godot_marl.parallel_env(port=port, start_timeout=30)
        with pytest.raises(errors.ProtocolVersionError) as raised:
            env.reset(seed=1)
        output, _ = game.communicate(timeout=10)
    expected = f"godot-marl.v1 (godot-marl {godot_marl.__version__})"
    error = raised.value
    assert error.what == "The addon in the game and this Python package speak different versions of the protocol."
    assert (error.expected, error.got, error.remedy) == (expected, got, remedy)
    assert (error.where or "").startswith("the game's addons/godot_marl folder")
    assert output.splitlines()[-1] == (f"godot-marl: Python closed the connection: {expected} was expected. {remedy}")
    assert game.returncode == 1

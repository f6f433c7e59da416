"""The text of the errors of wrong arguments, word for word; the environment can go on after each."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faults import MakeEnv, told

import godot_marl
from godot_marl import errors

pytestmark = [pytest.mark.godot, pytest.mark.usefixtures("mark")]


# -- Something that does not exist -------------------------------------------------------------------------------------


def test_unknown_project_folder(tmp_path: Path) -> None:
    env = godot_marl.parallel_env(tmp_path / "nowhere")
    with pytest.raises(errors.GameNotFoundError) as raised:
        env.reset()
    assert str(raised.value) == told(
        "There is no Godot project here.",
        where=str(tmp_path / "nowhere"),
        expected="a folder with a project.godot, a .pck file, or an exported game",
        got="no such folder",
        remedy="Give the folder that contains your game's project.godot.",
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
        remedy="specify an executable of Godot 4.5 or newer, or omit the option to have one found or installed",
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
            "A seed cannot be used.",
            where="reset(seed=...)",
            expected="an integer from 0 to 9223372036854775807",
            got=repr(seed),
        )
    env.reset(seed=np.int64(7))


def test_the_gymnasium_form_takes_a_seed_of_numpy(scenes: Path) -> None:
    with contextlib.closing(godot_marl.GodotEnv(scenes, scene="repeater.tscn", seed=np.int64(3))) as env:
        assert env.reset(seed=np.int64(7))[1]["seed"] == 7
        assert env.np_random_seed == 7


def test_calls_out_of_order(make: MakeEnv, scenes: Path) -> None:
    env = make("walker")
    for call in (lambda: env.step({"walker_0": 0}), env.state, env.render):
        with pytest.raises(errors.ResetNeededError) as raised:
            call()
    assert str(raised.value) == told(
        "render() was called before reset().",
        where="render()",
        expected="a call of reset() first",
        got="none, or the game failed after it",
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
        remedy="Make a new environment.",
    )


def test_wrong_actions_reach_no_agent_and_the_episode_goes_on(make: MakeEnv) -> None:
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
                "The actions are not a dictionary.",
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
        "Another program already listens on this address.",
        where=f"127.0.0.1:{port}",
        expected="a free port",
        got=f"[Errno 98] Address already in use (while attempting to bind on address ('127.0.0.1', {port}))",
        remedy="End the other program, or give another port= (port=0 lets the system choose).",
    )
    assert env.reset(seed=1)[0]

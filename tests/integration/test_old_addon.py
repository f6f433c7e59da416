"""The addon of an earlier version, in `tests/compatibility/`, plays as today's does; a warning says to update it."""

from __future__ import annotations

import json
import logging
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from gymnasium import spaces

import godot_marl
from godot_marl.cli import main
from godot_marl.engine import Engine
from godot_marl.game.project import Project
from godot_marl.parallel import GodotParallelEnv
from godot_marl.vector import GodotVectorEnv
from godot_marl.version import __version__

pytestmark = pytest.mark.godot

OLD_ADDON = Path(__file__).parents[1] / "compatibility" / "addon-0.1.0"

Pair = Callable[..., list[Any]]


@pytest.fixture(scope="module")
def old_scenes(engine: Engine, scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of test scenes with the addon of 0.1.0."""
    folder = tmp_path_factory.mktemp("old") / "scenes"
    shutil.copytree(scenes, folder, ignore=shutil.ignore_patterns(".godot", "addons", "*.uid"))
    shutil.copytree(OLD_ADDON, folder / "addons" / "godot_marl")
    Project(folder).imported(engine)
    return folder


@pytest.fixture
def pair(scenes: Path, old_scenes: Path) -> Iterator[Pair]:
    """Make two environments of a scene: with the addon of 0.1.0, and with today's."""
    made: list[Any] = []

    def make(form: Callable[..., Any], scene: str, **options: Any) -> list[Any]:
        envs = [form(project, scene=f"{scene}.tscn", **options) for project in (old_scenes, scenes)]
        made.extend(envs)
        return envs

    yield make
    for env in made:
        env.close()


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def warning_of(project: Path) -> str:
    return (
        f"{project}/addons/godot_marl: The game's addon is version 0.1.0, older than this package, which contains "
        f"version {__version__}. Update the addon: godot-marl addon install {project}"
    )


def same(old: Any, new: Any, where: str) -> None:
    """Both are the same, to the bit."""
    assert type(old) is type(new), where
    if isinstance(old, dict):
        assert old.keys() == new.keys(), where
        for key in old:
            same(old[key], new[key], f"{where}, {key}")
    elif isinstance(old, (tuple, list)):
        assert len(old) == len(new), where
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            same(one, other, f"{where}, {index}")
    elif isinstance(old, np.ndarray) and old.dtype == object:
        same(list(old), list(new), where)
    elif isinstance(old, np.ndarray):
        assert (old.dtype, old.shape, old.tobytes()) == (new.dtype, new.shape, new.tobytes()), where
    else:
        assert old == new, where


def play_both(envs: list[GodotParallelEnv], steps: int, **options: Any) -> int:
    """Play two episodes with the same actions, and compare all that comes; returns how many agents ended."""
    old, new = envs
    assert old.possible_agents == new.possible_agents
    assert old.policies == new.policies
    for name in old.possible_agents:
        assert old.observation_space(name) == new.observation_space(name)
        assert old.action_space(name) == new.action_space(name)
        old.action_space(name).seed(3)
    ended = 0
    for episode in range(2):
        same(old.reset(seed=episode, **options), new.reset(seed=episode, **options), f"reset {episode}")
        for step in range(steps):
            actions = {name: old.action_space(name).sample() for name in old.agents}
            answers = [env.step(actions) for env in envs]
            same(*answers, f"episode {episode}, step {step}")
            assert old.agents == new.agents
            ended += sum(answers[0][2].values()) + sum(answers[0][3].values())
            if not old.agents:
                break
    return ended


def test_masks_infos_groups_and_both_kinds_of_end(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROWD", json.dumps({"kind": "plain", "agents": 5, "group": True, "beside": True}))
    envs = pair(godot_marl.parallel_env, "crowd")
    assert isinstance(envs[0].observation_space("member_0"), spaces.Dict)
    assert play_both(envs, 40) == 2 * 7
    assert not envs[0].agents


def test_state_and_options(pair: Pair) -> None:
    envs = pair(godot_marl.parallel_env, "team")
    for absent, members in (([], 3), (["Runner2"], 2)):
        play_both(envs, 5, options={"absent": absent})
        same(envs[0].state(), envs[1].state(), "state")
        assert envs[0].state()["members"] == [members]


def test_births(pair: Pair) -> None:
    envs = pair(godot_marl.parallel_env, "herd")
    schedule = [[], [["spawn", 0]], [["free", 0]], [["spawn", 0]]]
    play_both(envs, 6, options={"schedule": schedule})
    assert envs[0].agents == ["sheep_1", "sheep_2", "sheep_3"]


def test_all_kinds_of_spaces(pair: Pair) -> None:
    play_both(pair(godot_marl.parallel_env, "echo"), 4)


def test_turns(pair: Pair) -> None:
    envs = pair(godot_marl.env, "turns")
    for env in envs:
        env.reset(seed=1)
    old, new = envs
    acted = []
    while old.agents:
        assert old.agents == new.agents
        assert old.agent_selection == new.agent_selection
        same(old.last(), new.last(), f"after {acted}")
        observation, _, terminated, truncated, info = old.last()
        action = None if terminated or truncated else int(np.flatnonzero(info["action_mask"])[-1])
        acted.append(old.agent_selection)
        for env in envs:
            env.step(action)
    assert new.agents == []
    assert len(acted) > 6
    assert "action_mask" in observation


@pytest.mark.parametrize("processes", [1, 2])
def test_copies_that_begin_again(
    pair: Pair, old_scenes: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, processes: int
) -> None:
    monkeypatch.setenv("CROWD", json.dumps({"kind": "plain", "agents": 3, "group": False}))
    envs: list[GodotVectorEnv] = pair(godot_marl.vector_env, "crowd", copies=2, processes=processes)
    old, new = envs
    old.action_space.seed(1)
    same(old.reset(seed=3), new.reset(seed=3), "reset")
    ended = 0
    for step in range(60):
        actions = old.action_space.sample()
        answers = [env.step(actions) for env in envs]
        same(*answers, f"step {step}")
        ended += int(answers[0][2].sum() + answers[0][3].sum())
    assert ended > old.num_envs
    # One for the environment, not one for each process.
    assert warnings_in(caplog) == [warning_of(old_scenes)]


def test_a_warning_says_once_how_to_update(old_scenes: Path, caplog: pytest.LogCaptureFixture) -> None:
    env = godot_marl.parallel_env(old_scenes, scene="walker.tscn")
    env.reset(seed=1)
    assert warnings_in(caplog) == [warning_of(old_scenes)]
    # It starts a game of its own, after the same handshake.
    copy = pickle.loads(pickle.dumps(env))  # noqa: S301 - made just now
    env.close()
    copy.reset(seed=1)
    copy.close()
    assert warnings_in(caplog) == [warning_of(old_scenes)]


def test_check_and_doctor_say_how_to_update(old_scenes: Path) -> None:
    command = f"Update the addon: godot-marl addon install {old_scenes}"
    arguments = ["check", str(old_scenes), "--scene", "walker.tscn", "--skip", "pettingzoo", "--steps", "5"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    said = f"The game's addon is version 0.1.0, older than this package, which contains version {__version__}."
    assert f"warning  addon        {said}" in result.output.splitlines()
    assert result.output.count(f"what to do: {command}") == result.output.count("older than this package") == 1
    result = CliRunner().invoke(main, ["doctor", str(old_scenes), "--scene", "walker.tscn", "--no-render", "--json"])
    assert result.exit_code == 0, result.output
    checks = {check["name"]: check for check in json.loads(result.stdout)["checks"]}
    assert checks["addon"] == {"name": "addon", "state": "warning", "found": said, "remedy": command}
    assert "older" not in result.stderr


def test_the_command_updates_it(old_scenes: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    # As few files as can be: each is imported.
    folder = tmp_path / "walk"
    shutil.copytree(OLD_ADDON, folder / "addons" / "godot_marl")
    for name in ("project.godot", "walker.gd", "walker.tscn"):
        shutil.copy(old_scenes / name, folder)
    result = CliRunner().invoke(main, ["addon", "install", str(folder)])
    assert result.exit_code == 0, result.output
    env = godot_marl.parallel_env(folder, scene="walker.tscn")
    env.reset(seed=1)
    env.close()
    assert warnings_in(caplog) == []

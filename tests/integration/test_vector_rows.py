"""A vector environment is, row by row and bit by bit, what its arenas are one by one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from replay import SEED, Replay, Step, same

import godot_marl
from godot_marl.parallel import GodotParallelEnv
from godot_marl.vector import GodotVectorEnv

pytestmark = pytest.mark.godot

MakeEnv = Callable[..., GodotParallelEnv]
COPIES, PROCESSES, STEPS = 3, 2, 40


def play(env: GodotVectorEnv, options: dict[str, Any] | None, steps: int = STEPS) -> tuple[list[Any], list[Step]]:
    """The actions, and the results of the reset and of each step; the reset has empty rewards and flags."""
    env.action_space.seed(7)
    nothing = np.zeros(env.num_envs)
    observations, infos = env.reset(seed=SEED, options=options)
    actions: list[Any] = [None]
    answers: list[Step] = [(observations, nothing, nothing.astype(bool), nothing.astype(bool), infos)]
    for _ in range(steps):
        actions.append(env.action_space.sample())
        answers.append(env.step(actions[-1]))
    return actions, answers


def compare(
    scenes: Path,
    make: MakeEnv,
    scene: str,
    *,
    episodes: int = 2,
    reset_options: dict[str, Any] | None = None,
    **options: Any,
) -> GodotVectorEnv:
    env = godot_marl.vector_env(scenes, scene=f"{scene}.tscn", copies=COPIES, processes=PROCESSES, **options)
    try:
        actions, answers = play(env, reset_options)
    finally:
        env.close()
    alone = make(scene, **options)
    is_next_step = env.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    replays = [
        Replay(alone, arena, answers, reset_options, is_next_step=is_next_step) for arena in range(COPIES * PROCESSES)
    ]
    for replay in replays:
        replay.run(actions)
        assert replay.episodes >= episodes
    for observations, rewards, terminations, truncations, _ in answers:
        assert env.observation_space.contains(observations)
        assert (rewards.dtype, terminations.dtype, truncations.dtype) == (np.float64, bool, bool)
    return env


KINDS = ["plain", "together", "info", "mask", "nested", "surprising", "pixels", "dict"]


@pytest.mark.parametrize("checks", [True, False], ids=["checked", "unchecked"])
@pytest.mark.parametrize("kind", KINDS)
def test_rows_equal_the_arenas_alone(
    scenes: Path, make: MakeEnv, monkeypatch: pytest.MonkeyPatch, kind: str, checks: bool
) -> None:
    monkeypatch.setenv("ROWS", f"{kind} 3")
    env = compare(scenes, make, "rows", checks=checks)
    assert env.num_envs == COPIES * PROCESSES * 3
    assert env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP


@pytest.mark.parametrize(
    ("scene", "options", "reset_options"),
    [
        ("rows_state", {}, None),
        ("rows", {"max_episode_steps": 4}, None),
        ("rows", {"step_length": 3}, None),
        ("rows", {}, {"speed": 5.0}),
        ("rows_settled", {}, {"speed": 5.0}),
        ("rows_settled", {"max_episode_steps": 2, "step_length": 2}, None),
        ("rows", {"max_episode_steps": 3, "exact_reset": True}, None),
        ("rows", {"mask_in_observation": False}, None),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["plain 2", "mask 1"])
def test_rows_equal_the_arenas_alone_with_any_options(
    scenes: Path,
    make: MakeEnv,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    scene: str,
    options: dict[str, Any],
    reset_options: dict[str, Any] | None,
) -> None:
    monkeypatch.setenv("ROWS", kind)
    compare(scenes, make, scene, reset_options=reset_options, **options)


SCHEDULES: dict[str, list[list[tuple[str, int]]]] = {
    "births and ends": [[("spawn", 0)], [("end", 0)], [("spawn", 0), ("cut", 1)], [("end", 1)], [("end", 2)], []],
    "leaving": [[], [("free", 0)], [("spawn", 0)], [("take", 0), ("spawn", 0)], [("free", 0)], [("free", 0)], []],
    "all at once": [[], [("free", 0), ("free", 0)], []],
    "leaving and ending": [[("end", 0)], [("spawn", 0)], [("free", 1), ("end", 1)], [("end", 1), ("end", 2)]],
}


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("scene", ["herd", "herd_masked"])
def test_rows_of_a_herd_equal_the_arenas_alone(scenes: Path, make: MakeEnv, scene: str, schedule: str) -> None:
    compare(scenes, make, scene, reset_options={"schedule": SCHEDULES[schedule]}, max_episode_steps=9)


@pytest.mark.parametrize("options", [{}, {"max_episode_steps": 8, "exact_reset": True}], ids=str)
def test_fast_path_agents_that_come_and_go_equal_the_arenas_alone(
    scenes: Path, make: MakeEnv, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    monkeypatch.setenv("ROWS", "growing 2")
    compare(scenes, make, "rows_growing", **options)


def test_an_arena_without_agents_goes_on_until_its_agents_have_joined_and_ended(scenes: Path) -> None:
    env = godot_marl.vector_env(scenes, scene="herd_none_at_first.tscn", copies=2)
    try:
        _, infos = env.reset(seed=1, options={"schedule": [[], [("spawn", 0)], [], [("end", 0)]]})
        lives = []
        for _ in range(8):
            _, rewards, terminations, _, infos = env.step(env.action_space.sample())
            lives.append((infos["active"].sum(), rewards.sum(), terminations.sum(), "final_info" in infos))
        nobody, somebody, end = (0, 0.0, 0, False), (2, 2.0, 0, False), (2, 2.0, 2, True)
        assert lives == [nobody, nobody, somebody, end] * 2
    finally:
        env.close()


def test_the_fast_path_and_the_slow_path_give_the_same_results(scenes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = []
    for kind in ("plain", "silent"):
        monkeypatch.setenv("ROWS", f"{kind} 4")
        env = godot_marl.vector_env(scenes, scene="rows.tscn", copies=COPIES)
        try:
            both.append(play(env, None)[1])
        finally:
            env.close()
    for (*one, infos), (*other, other_infos) in zip(*both, strict=True):
        assert same(tuple(one), tuple(other))
        assert same(infos["active"], other_infos["active"])
        assert infos.keys() == other_infos.keys()


def test_resets_by_hand_go_on_with_the_same_seeds(scenes: Path, make: MakeEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROWS", "together 1")
    alone = make("rows", seed=3)
    seeds = [alone.reset()[1]["rower_0"]["seed"] for _ in range(4)]
    env = godot_marl.vector_env(scenes, scene="rows.tscn", seed=3, copies=2)
    try:
        found = [env.reset()[1]["seed"][0], env.reset()[1]["seed"][0]]
        for _ in range(5):
            infos = env.step(env.action_space.sample())[4]
        found += [infos["seed"][0], env.reset()[1]["seed"][0]]
        assert found == seeds
        assert env.reset(seed=[9, None])[1]["seed"].tolist()[0] == 9
    finally:
        env.close()
    assert isinstance(env.single_action_space, spaces.Discrete)

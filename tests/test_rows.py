"""A vector environment is, row by row and bit by bit, what its arenas are one by one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode

import godot_marl
from godot_marl.parallel import GodotParallelEnv
from godot_marl.rows import map_batch, row_of
from godot_marl.vector import GodotVectorEnv

pytestmark = pytest.mark.godot

MakeEnv = Callable[..., GodotParallelEnv]
COPIES, PROCESSES, SEED, STEPS = 3, 2, 40, 40

Step = tuple[Any, np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any], dict[str, Any]]


def play(env: GodotVectorEnv, options: dict[str, Any] | None, steps: int = STEPS) -> tuple[list[Any], list[Step]]:
    """The actions, and what the reset and each step brought; the reset with empty rewards and flags."""
    env.action_space.seed(7)
    nothing = np.zeros(env.num_envs)
    observations, infos = env.reset(seed=SEED, options=options)
    actions: list[Any] = [None]
    answers: list[Step] = [(observations, nothing, nothing.astype(bool), nothing.astype(bool), infos)]
    for _ in range(steps):
        actions.append(env.action_space.sample())
        answers.append(env.step(actions[-1]))
    return actions, answers


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same bit by bit, with types and shapes."""
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    one, other = np.asarray(one), np.asarray(other)
    return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())


def is_zero(value: Any) -> bool:
    parts: list[Any] = []
    map_batch(parts.append, value)
    return not any(np.any(part) for part in parts)


def info_of(infos: dict[str, Any], row: int) -> dict[str, Any]:
    """What the infos say of a row, without what the vector form adds."""
    own = {"active", "seed", "final_obs", "final_info", "action_mask"}
    names = [name for name in infos if not name.startswith("_") and name not in own]
    return {name: infos[name][row] for name in names if infos[f"_{name}"][row]}


def plain(info: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in info.items() if name not in ("seed", "action_mask")}


class Replay:
    """One arena of a vector environment again, with `parallel_env`; every step is compared."""

    def __init__(self, env: GodotParallelEnv, arena: int, answers: list[Step], options: dict[str, Any] | None) -> None:
        self.env = env
        self.arena = arena
        self.names = env.possible_agents
        self.answers = answers
        self.options = options
        self.is_next_step = False
        self.episodes = 1

    def rows(self) -> list[tuple[str, int]]:
        first = self.arena * len(self.names)
        return [(name, first + slot) for slot, name in enumerate(self.names)]

    def run(self, actions: list[Any]) -> None:
        observations, infos = self.env.reset(seed=SEED + self.arena, options=self.options)
        self.check_beginning(self.answers[0], observations, infos)
        waits = False
        for action, answer in zip(actions[1:], self.answers[1:], strict=True):
            if waits:
                self.check_beginning(answer, *self.env.reset(options=self.options))
                self.check_nobody_acted(answer)
                waits = False
                continue
            live = list(self.env.agents)
            outcome = self.env.step({name: row_of(action, row) for name, row in self.rows() if name in live})
            is_over = bool(live) and not self.env.agents
            self.episodes += is_over
            self.check_step(answer, live, outcome, is_over=is_over)
            if is_over and self.is_next_step:
                self.check_sight(answer, outcome[0])
                waits = True
            elif is_over:
                self.check_beginning(answer, *self.env.reset(options=self.options))

    def check_sight(self, answer: Step, observations: dict[str, Any]) -> None:
        for name, row in self.rows():
            seen = row_of(answer[0], row)
            assert same(seen, observations[name]) if name in observations else is_zero(seen), (name, row)

    def check_beginning(self, answer: Step, observations: dict[str, Any], infos: dict[str, Any]) -> None:
        self.check_sight(answer, observations)
        for name, row in self.rows():
            if name in infos:
                assert answer[4]["_seed"][row]
                assert answer[4]["seed"][row] == infos[name]["seed"]
            elif "seed" in answer[4]:
                assert not answer[4]["_seed"][row]
            assert info_of(answer[4], row) == plain(infos.get(name, {}))
            self.check_mask(answer[4], name, row, infos)

    def check_nobody_acted(self, answer: Step) -> None:
        for _, row in self.rows():
            assert not answer[4]["active"][row]
            assert [part[row] for part in answer[1:4]] == [0, False, False]

    def check_mask(self, infos: dict[str, Any], name: str, row: int, of_agents: dict[str, Any]) -> None:
        if name in of_agents and "action_mask" in of_agents[name]:
            assert same(infos["action_mask"][row], of_agents[name]["action_mask"])

    def check_step(self, answer: Step, live: list[str], outcome: tuple[Any, ...], *, is_over: bool) -> None:
        observations, rewards, terminations, truncations, infos = outcome
        told = answer[4]
        if not is_over:
            self.check_sight(answer, observations)
        for name, row in self.rows():
            assert told["active"][row] == (name in live)
            if name not in live:
                assert [part[row] for part in answer[1:4]] == [0, False, False]
                continue
            assert same(answer[1][row], np.float64(rewards[name]))
            assert (answer[2][row], answer[3][row]) == (terminations[name], truncations[name])
            has_ended = terminations[name] or truncations[name]
            assert ("_final_obs" in told and told["_final_obs"][row]) == has_ended
            if has_ended:
                assert same(told["final_obs"][row], observations[name])
                assert told["_final_info"][row]
            ended_info = told["final_info"] if is_over and not self.is_next_step else told
            assert info_of(ended_info, row) == plain(infos[name])
            if not is_over:
                self.check_mask(told, name, row, infos)


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
    replays = [Replay(alone, arena, answers, reset_options) for arena in range(COPIES * PROCESSES)]
    for replay in replays:
        replay.is_next_step = env.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
        replay.run(actions)
        assert replay.episodes >= episodes
    for observations, rewards, terminations, truncations, _ in answers:
        assert env.observation_space.contains(observations)
        assert (rewards.dtype, terminations.dtype, truncations.dtype) == (np.float64, bool, bool)
    return env


KINDS = ["plain", "together", "info", "mask", "nested", "surprising", "pixels", "dict"]


@pytest.mark.parametrize("checks", [True, False], ids=["checked", "unchecked"])
@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_what_the_arenas_are_alone(
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
def test_rows_are_what_the_arenas_are_alone_whatever_the_options(
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
def test_rows_of_a_herd_are_what_the_arenas_are_alone(scenes: Path, make: MakeEnv, scene: str, schedule: str) -> None:
    compare(scenes, make, scene, reset_options={"schedule": SCHEDULES[schedule]}, max_episode_steps=9)


@pytest.mark.parametrize("options", [{}, {"max_episode_steps": 8, "exact_reset": True}], ids=str)
def test_plain_agents_that_come_and_go_are_what_they_are_alone(
    scenes: Path, make: MakeEnv, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    monkeypatch.setenv("ROWS", "growing 2")
    compare(scenes, make, "rows_growing", **options)


def test_an_arena_that_nobody_is_in_yet_goes_on_until_its_agents_have_ended(scenes: Path) -> None:
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


def test_the_quick_way_and_the_long_way_give_the_same(scenes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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

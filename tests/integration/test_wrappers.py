"""Padded environments against the plain ones, on scenes."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import supersuit
from gymnasium.utils.env_checker import data_equivalence
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from padding import check_padded, check_vector, vector_of
from pettingzoo import ParallelEnv
from pettingzoo.test import parallel_api_test
from scheduled import play_plain

import godot_marl
from godot_marl import errors
from godot_marl.parallel import GodotParallelEnv

MakeEnv = Callable[..., GodotParallelEnv]


PLANS = ["1", "3,3,3", "1,2,3", "3,1,2", "t2,2,t3,4", "1,1,1,7", "t1,t5"]


@pytest.mark.godot
@pytest.mark.parametrize("plan", PLANS)
def test_agents_of_a_scene_that_end_apart(plan: str, monkeypatch: pytest.MonkeyPatch, make: MakeEnv) -> None:
    monkeypatch.setenv("ENDS", plan)
    plain, padded = make("ends"), godot_marl.pad_agents(make("ends"))
    for seed in (3, 4):
        check_padded(padded, play_plain(plain, seed=seed), seed=seed)
    assert data_equivalence(padded.state(), plain.state())


@pytest.mark.godot
def test_parallel_api_on_a_scene(monkeypatch: pytest.MonkeyPatch, make: MakeEnv) -> None:
    monkeypatch.setenv("ENDS", "4,t4,4")
    parallel_api_test(godot_marl.pad_agents(make("ends")), num_cycles=20)


@pytest.mark.godot
def test_supersuit_on_a_scene_whose_agents_end_apart(monkeypatch: pytest.MonkeyPatch, make: MakeEnv) -> None:
    monkeypatch.setenv("ENDS", "2,t5,4,5")

    def same_spaces() -> ParallelEnv:
        return supersuit.pad_observations_v0(supersuit.pad_action_space_v0(make("ends", seed=7)))

    vector = vector_of(godot_marl.pad_agents(same_spaces()), 2)
    check_vector(vector, same_spaces(), 2, episodes=3)
    vector.close()


HAPPENINGS = st.tuples(st.sampled_from(["spawn", "free", "take", "end", "cut"]), st.integers(0, 3))
# No more are born than the scene has declared.
SCHEDULES = st.lists(st.lists(HAPPENINGS, max_size=3), max_size=8).filter(
    lambda steps: sum(what == "spawn" for step in steps for what, _ in step) <= 3
)


@pytest.fixture(scope="module", params=["herd", "herd_masked", "herd_none_at_first"])
def herds(request: pytest.FixtureRequest, scenes: Path) -> Any:
    both = [
        godot_marl.parallel_env(scenes, scene=f"{request.param}.tscn", max_episode_steps=10, seed=1) for _ in range(2)
    ]
    yield both[0], godot_marl.pad_agents(both[1])
    for env in both:
        env.close()


@pytest.mark.godot
@settings(max_examples=40, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(schedule=SCHEDULES)
def test_agents_of_a_scene_that_come_and_go(herds: Any, schedule: list[list[tuple[str, int]]]) -> None:
    plain, padded = herds
    how = {"seed": 5, "options": {"schedule": schedule}}
    check_padded(padded, play_plain(plain, **how), **how)


@pytest.mark.godot
def test_padding_does_not_start_the_game(make: MakeEnv) -> None:
    inner = make("walker")
    padded = godot_marl.pad_agents(inner)
    assert pickle.loads(pickle.dumps(padded)).env._arena.is_unknown  # noqa: S301 - made just now
    assert padded.render_mode is None
    padded.close()
    with pytest.raises(errors.ClosedEnvironmentError):
        padded.step({"walker_0": 0})


@pytest.mark.godot
def test_mistakes_of_the_caller_are_still_errors(monkeypatch: pytest.MonkeyPatch, make: MakeEnv) -> None:
    monkeypatch.setenv("ENDS", "1,3")
    padded = godot_marl.pad_agents(make("ends"))
    with pytest.raises(errors.ResetNeededError):
        padded.step({})
    padded.reset(seed=1)
    padded.step({"ender_0": 0, "ender_1": 0})
    with pytest.raises(errors.InvalidActionError, match="missing"):
        padded.step({"ender_0": 0})
    with pytest.raises(errors.InvalidActionError, match="does not have"):
        padded.step({"ender_1": 0, "nobody": 0})

"""PettingZoo's own tests on scenes made to be awkward; each lists exactly the warnings that it expects."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pettingzoo.test import api_test, parallel_api_test, seed_test
from pettingzoo.test.state_test import state_test

import godot_marl
from godot_marl.parallel import GodotParallelEnv

pytestmark = pytest.mark.godot

# An episode begins with a count of zero, and the agents' observations are of different sizes.
ONE = {"Observation numpy array is all zeros."}
SEVERAL = {*ONE, "Agents have different observation space sizes", "Observations are different shapes"}

# For each scene the plan of its agents' ends, and what PettingZoo's api_test warns of.
SCENES: dict[str, tuple[str, set[str]]] = {
    "one agent, one step": ("1", ONE),
    "all end at once": ("3,3,3", SEVERAL),
    "ending in order": ("1,2,3", SEVERAL),
    "ending in the opposite order": ("3,2,1", SEVERAL),
    "the middle one first": ("2,1,3", SEVERAL),
    "two ends at once, then one": ("2,2,5", SEVERAL),
    "all truncated": ("t2,t2", SEVERAL),
    "some truncated, some terminated": ("t2,2,t3,4", SEVERAL),
    "all but one end at the first step": ("1,1,1,7", SEVERAL),
    "long and short": ("40,1", SEVERAL),
    "200 agents": (",".join(str(1 + i % 7) for i in range(200)), SEVERAL),
}


def warnings_of(run: Callable[[], object]) -> set[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run()
    return {str(warning.message) for warning in caught}


@pytest.fixture(params=SCENES)
def scene(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Chooses a scene; the warnings that it expects."""
    plan, expected = SCENES[request.param]
    monkeypatch.setenv("ENDS", plan)
    return expected


def test_parallel_api(scene: set[str], make: Callable[..., GodotParallelEnv]) -> None:
    assert warnings_of(lambda: parallel_api_test(make("ends"), num_cycles=40)) == set()


def test_aec_api(scene: set[str], scenes: Path) -> None:
    env = godot_marl.env(scenes, scene="ends.tscn")
    got = warnings_of(lambda: api_test(env, num_cycles=40))
    env.close()
    assert got == scene


def test_seeds(scene: set[str], scenes: Path) -> None:
    seed_test(lambda: godot_marl.env(scenes, scene="ends.tscn"), num_cycles=20)


def test_state(scene: set[str], scenes: Path) -> None:
    env = godot_marl.env(scenes, scene="ends.tscn")
    parallel = godot_marl.parallel_env(scenes, scene="ends.tscn")
    env.reset(seed=1)
    parallel.reset(seed=1)
    assert warnings_of(lambda: state_test(env, parallel)) == set()
    env.close()
    parallel.close()


# parallel_seed_test of PettingZoo stops after one step and compares no first observation: here is one that does.
@pytest.mark.parametrize("ends", ["3,1,2", "t5,9,2,2"])
def test_two_environments_with_the_same_seed_agree_to_the_end(
    ends: str, monkeypatch: pytest.MonkeyPatch, make: Callable[..., GodotParallelEnv]
) -> None:
    monkeypatch.setenv("ENDS", ends)
    first, second = make("ends"), make("ends")
    for seed in (3, 4):
        episodes = [play(env, seed) for env in (first, second)]
        assert str(episodes[0]) == str(episodes[1])
    assert str(play(first, 3)) != str(play(first, 4))


def test_reset_without_seed_draws_a_new_one_from_the_environments_own(
    monkeypatch: pytest.MonkeyPatch, make: Callable[..., GodotParallelEnv]
) -> None:
    monkeypatch.setenv("ENDS", "3")
    env, same, other = make("ends", seed=1), make("ends", seed=1), make("ends", seed=2)
    seeds = [[e.reset()[1]["ender_0"]["seed"] for _ in range(3)] for e in (env, same, other)]
    assert seeds[0] == seeds[1]
    assert seeds[0] != seeds[2]
    assert len(set(seeds[0])) == 3


def play(env: GodotParallelEnv, seed: int) -> list[Any]:
    rows: list[Any] = [env.reset(seed=seed)]
    while env.agents:
        rows.append(env.step(dict.fromkeys(env.agents, 1)))
    return rows


@pytest.mark.parametrize("order", list(itertools.permutations([1, 2, 3])))
def test_agents_end_apart_in_every_order(
    order: tuple[int, ...], monkeypatch: pytest.MonkeyPatch, make: Callable[..., GodotParallelEnv]
) -> None:
    monkeypatch.setenv("ENDS", ",".join(map(str, order)))
    env = make("ends")
    names = [f"ender_{i}" for i in range(len(order))]
    env.reset(seed=1)
    for step in range(1, 4):
        acting = [name for name, end in zip(names, order, strict=True) if end >= step]
        assert env.agents == acting
        observations, rewards, terminations, truncations, infos = env.step(dict.fromkeys(names, 0))
        assert list(observations) == list(rewards) == list(truncations) == list(infos) == acting
        # The last observation is that of the end, not of a reset or of a later step.
        assert all(np.all(observations[name] == step) for name in acting)
        assert terminations == {name: order[names.index(name)] == step for name in acting}
        assert not any(truncations.values())
    assert env.agents == []
    assert env.step({}) == ({}, {}, {}, {}, {})

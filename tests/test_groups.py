"""Nodes that answer for many agents at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import godot_marl
from godot_marl.parallel import GodotParallelEnv
from godot_marl.vector import GodotVectorEnv

pytestmark = pytest.mark.godot

AGENTS = 7
# A kind of the scene `crowd` is a type of observation and of action. The group answers "arrays" as Arrays instead of
# packed arrays; "bare" has only the required methods and an action space.
KINDS = ["plain", "arrays", "bare", "float64", "multi_discrete", "binary", "bytes", "int16"]


class Twins:
    """Two environments of one kind: an ordinary node for each agent, and one node for all."""

    def __init__(self, scenes: Path, patch: pytest.MonkeyPatch) -> None:
        self.scenes = scenes
        self._patch = patch
        self._made: list[Any] = []

    def make(self, form: Any, *, kind: str, beside: bool = False, agents: int = AGENTS, **options: Any) -> list[Any]:
        pair = []
        for group in (False, True):
            crowd = {"kind": kind, "agents": agents, "group": group, "beside": beside}
            self._patch.setenv("CROWD", json.dumps(crowd))
            env = form(self.scenes, scene="crowd.tscn", **options)
            self._made.append(env)
            # The parallel form starts the game when it is asked for something.
            assert getattr(env, "possible_agents", True)
            pair.append(env)
        return pair

    def close(self) -> None:
        for env in self._made:
            env.close()


@pytest.fixture
def twins(scenes: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Twins]:
    made = Twins(scenes, monkeypatch)
    yield made
    made.close()


def assert_same(one: Any, other: Any, where: str = "") -> None:
    """What both say is the same, bit by bit."""
    assert type(one) is type(other), where
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same(one[key], other[key], f"{where} {key}")
    elif isinstance(one, (tuple, list)):
        assert len(one) == len(other), where
        for i, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_same(a, b, f"{where} {i}")
    elif isinstance(one, np.ndarray) and one.dtype == object:
        assert_same(list(one), list(other), where)
    elif isinstance(one, np.ndarray):
        assert (one.dtype, one.shape) == (other.dtype, other.shape), where
        assert one.tobytes() == other.tobytes(), (where, one, other)
    else:
        assert one == other, where


def play_parallel(pair: list[GodotParallelEnv], episodes: int = 3) -> set[int]:
    """Play both with the same actions; the numbers of agents that lived in some step."""
    nodes, group = pair
    assert nodes.possible_agents == group.possible_agents
    living = set()
    random = np.random.default_rng(5)
    for name in nodes.possible_agents:
        assert nodes.observation_space(name) == group.observation_space(name)
        assert nodes.action_space(name) == group.action_space(name)
        nodes.action_space(name).seed(int(random.integers(1000)))
    for episode in range(episodes):
        assert_same(nodes.reset(seed=episode), group.reset(seed=episode), f"reset {episode}")
        step = 0
        while nodes.agents:
            living.add(len(nodes.agents))
            actions = {name: nodes.action_space(name).sample() for name in nodes.agents}
            assert_same(nodes.step(actions), group.step(actions), f"episode {episode} step {step}")
            assert nodes.agents == group.agents
            step += 1
            # In the bare kind some may go on for ever.
            if step == 60:
                break
    return living


def play_vector(pair: list[GodotVectorEnv], steps: int = 60) -> int:
    """Play both with the same actions; the number of rows whose episodes ended."""
    nodes, group = pair
    assert nodes.observation_space == group.observation_space
    nodes.action_space.seed(3)
    assert_same(nodes.reset(seed=4), group.reset(seed=4), "reset")
    ended = 0
    for step in range(steps):
        actions = nodes.action_space.sample()
        here, there = nodes.step(actions), group.step(actions)
        assert_same(here, there, f"step {step}")
        ended += int((here[2] | here[3]).sum())
    return ended


@pytest.mark.parametrize("kind", KINDS)
def test_parallel_group_is_what_its_agents_are_as_nodes(twins: Twins, kind: str) -> None:
    living = play_parallel(twins.make(godot_marl.parallel_env, kind=kind))
    assert len(living) > 2


@pytest.mark.parametrize("options", [{"checks": False}, {"step_length": 3}, {"exact_reset": True}, {"beside": True}])
def test_parallel_group_is_what_its_agents_are_as_nodes_with(twins: Twins, options: dict[str, Any]) -> None:
    play_parallel(twins.make(godot_marl.parallel_env, kind="plain", **options))


@pytest.mark.parametrize("kind", KINDS)
def test_vector_group_is_what_its_agents_are_as_nodes(twins: Twins, kind: str) -> None:
    ended = play_vector(twins.make(godot_marl.vector_env, kind=kind, copies=3))
    assert ended > 3 * AGENTS or kind == "bare"


@pytest.mark.parametrize(
    "options",
    [
        {"checks": False},
        {"step_length": 3},
        {"exact_reset": True},
        {"beside": True},
        {"processes": 2},
        {"agents": 1},
        {"max_episode_steps": 5},
    ],
)
def test_vector_group_is_what_its_agents_are_as_nodes_with(twins: Twins, options: dict[str, Any]) -> None:
    for kind in ("plain", "float64"):
        assert play_vector(twins.make(godot_marl.vector_env, kind=kind, **{"copies": 3, **options}))

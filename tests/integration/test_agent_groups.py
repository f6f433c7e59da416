"""Nodes that answer for many agents at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

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
            # The parallel form starts the game at its first call.
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
def test_parallel_group_equals_its_agents_as_nodes(twins: Twins, kind: str) -> None:
    living = play_parallel(twins.make(godot_marl.parallel_env, kind=kind))
    assert len(living) > 2


@pytest.mark.parametrize("options", [{"checks": False}, {"step_length": 3}, {"exact_reset": True}, {"beside": True}])
def test_parallel_group_equals_its_agents_as_nodes_with(twins: Twins, options: dict[str, Any]) -> None:
    play_parallel(twins.make(godot_marl.parallel_env, kind="plain", **options))


@pytest.mark.parametrize("kind", KINDS)
def test_vector_group_equals_its_agents_as_nodes(twins: Twins, kind: str) -> None:
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
def test_vector_group_equals_its_agents_as_nodes_with(twins: Twins, options: dict[str, Any]) -> None:
    for kind in ("plain", "float64"):
        assert play_vector(twins.make(godot_marl.vector_env, kind=kind, **{"copies": 3, **options}))


# -- What a group may not do -------------------------------------------------------------------------------------------

# What the scene `crowd_wrong` lets its three agents of two numbers and two choices answer, and what the message says.
WRONG = [
    ({"get_agent_count": 0}, ["get_agent_count()", "expected: an int of at least 1", "got: int: 0"]),
    ({"get_agent_count": "3"}, ["get_agent_count()", "expected: an int of at least 1", "got: String: 3"]),
    (
        {"get_agent_count": {"later": 4}},
        ["/root/Wrong/Ants.get_agent_count()", "expected: 3", "got: 4", "the same number at all times"],
    ),
    ({"get_observation": [1, 2, 3, 4]}, ["numbers for 3 agents, as many for each", "got: Array of size 4"]),
    ({"get_observation": {"later": [1, 2, 3]}}, ["Agents ant_0 to ant_2", "expected: 3 x 2 numbers", "got: Array of"]),
    ({"get_observation": {"later": [1, 2, 3, 4, 5, "6"]}}, ["expected: 3 x 2 numbers", "get_observation()"]),
    ({"get_observation": {"later": 1}}, ["expected: 3 x 2 numbers", "got: float: 1.0"]),
    ({"get_reward": [1, 2]}, ["/root/Wrong/Ants.get_reward()", "expected: 3 numbers", "got: Array of size 2"]),
    ({"get_reward": 1}, ["expected: 3 numbers", "got: float: 1.0"]),
    ({"get_reward": [1, None, 2]}, ["expected: 3 numbers", "got: Array of size 3"]),
    ({"get_reward": {"later": [1, None, 2]}}, ["expected: 3 numbers", "got: Array of size 3"]),
    ({"is_done": False}, ["/root/Wrong/Ants.is_done()", "expected: 3 times 0 or 1", "got: bool: false"]),
    ({"is_done": {"bytes": [0, 1]}}, ["expected: 3 times 0 or 1", "got: PackedByteArray of size 2"]),
    ({"is_done": {"bytes": [0, 2, 0]}}, ["expected: 3 times 0 or 1", "got: PackedByteArray of size 3: [0, 2, 0]"]),
    ({"is_done": [0, "1", 0]}, ["expected: 3 times 0 or 1"]),
    ({"is_truncated": [0, 0.5, 0]}, ["/root/Wrong/Ants.is_truncated()", "expected: 3 times 0 or 1"]),
    ({"get_action_mask": {"bytes": [1, 1, 0]}}, ["get_action_mask()", "expected: 3 x 2 times 0 or 1"]),
    ({"get_action_mask": {"bytes": [1, 1, 0, 3, 1, 1]}}, ["expected: 3 x 2 times 0 or 1", "got: PackedByteArray of"]),
    ({"get_info": {"later": [{}, {}]}}, ["get_info()", "expected: an Array of 3 Dictionaries", "got: Array of size 2"]),
    ({"get_info": {"later": [{}, 1, {}]}}, ["expected: an Array of 3 Dictionaries"]),
    ({"get_agent_name": ""}, ["An agent has no name.", "/root/Wrong/Ants.get_agent_name()"]),
    ({"beside": "ant"}, ["Two agents have the same name.", '"ant_0", which is the name of /root/Wrong/Ants']),
    (
        {"get_action_space": {"type": "dict", "spaces": {"a": {"type": "discrete", "n": 2}}}},
        ["/root/Wrong/Ants.get_action_"],
    ),
    (
        {"get_observation_space": {"type": "tuple", "spaces": [{"type": "discrete", "n": 2}]}},
        ["Agents ant_0 to ant_2", "expected: one box or discrete or multi_discrete or multi_binary", "got: a tuple"],
    ),
    ({"is_turn": True}, ["/root/Wrong/Ants.is_turn()", "no such method beside get_agent_count()"]),
    ({"person": True}, ["/root/Wrong/Ants.get_human_action()", "no such method beside get_agent_count()"]),
    (
        {"birth": True},
        ["A node that answers for many agents joined later.", "where: /root/Wrong/Bees.get_agent_count()"],
    ),
]


@pytest.mark.parametrize(("wrong", "texts"), WRONG, ids=[json.dumps(wrong) for wrong, _ in WRONG])
def test_wrong_answer_of_a_group_is_an_error_with_its_place(
    make: Any, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, Any], texts: list[str]
) -> None:
    monkeypatch.setenv("WRONG", json.dumps(wrong))
    env = make("crowd_wrong")

    def play() -> None:
        for _ in range(2):
            env.reset(seed=1)
            env.step(dict.fromkeys(env.agents, 1))

    with pytest.raises(godot_marl.errors.GodotMarlError) as caught:
        play()
    message = str(caught.value)
    assert [text for text in texts if text not in message] == [], message


def test_spaces_from_python_are_for_all_agents_of_a_group(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WRONG", "{}")
    two, three = spaces.Discrete(2, start=5), spaces.Discrete(2, start=6)
    env = make("crowd_wrong", action_space=two)
    env.reset(seed=1)
    assert [env.action_space(name) for name in env.agents] == [two, two, two]
    env.step(dict.fromkeys(env.agents, 6))
    env = make("crowd_wrong", action_space={"ant_0": two, "ant_1": three, "ant_2": two})
    with pytest.raises(godot_marl.errors.GodotMarlError, match="another one for ant_1"):
        env.reset()


def test_agent_of_a_group_is_not_played_by_a_person(make: Any, display: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WRONG", "{}")
    env = make("crowd_wrong", render_mode="human", human_agents=["ant_1"])
    with pytest.raises(godot_marl.errors.GodotMarlError, match="cannot be played by a person"):
        env.reset()


# -- Names, seeds, and the calls ---------------------------------------------------------------------------------------


def test_groups_of_one_name_number_their_agents_in_sequence_and_have_different_seeds(make: Any) -> None:
    env = make("group_calls")
    _, infos = env.reset(seed=3)
    assert env.possible_agents == ["ant_0", "ant_1", "ant_2", "ant_3", "ant_4"]
    seeds = {name: info["seed_of_group"] for name, info in infos.items() if "seed_of_group" in info}
    assert seeds["ant_0"] == seeds["ant_1"] != seeds["ant_2"] == seeds["ant_3"]


def test_methods_of_a_group_are_called_once_for_all_its_agents(make: Any) -> None:
    env = make("group_calls", step_length=2)
    calls: list[list[str]] = []

    def note(infos: dict[str, Any]) -> None:
        every = next(info["calls"] for info in infos.values() if "calls" in info)
        calls.append(every[sum(map(len, calls)) :])

    answers = ["get_observation", "get_reward", "is_done", "is_truncated", "get_action_mask", "get_info"]
    note(env.reset(seed=1, options={"end_at": [1, 3]})[1])
    assert calls[0] == [
        *("get_policy_name", "get_agent_count", "get_observation_space", "get_action_space"),
        *("get_policy_name", "get_agent_count"),
        *("set_options", "set_seed", "reset", "get_observation", "get_action_mask", "get_info"),
    ]
    note(env.step(dict.fromkeys(env.agents, 1))[-1])
    assert calls[1] == [*["apply_action([1, 1])", "_physics_process"] * 2, *answers]
    assert env.agents == ["ant_1", "ant_2", "ant_3", "ant_4"]
    note(env.step(dict.fromkeys(env.agents, 1))[-1])
    assert calls[2] == [*["apply_action([0, 1])", "_physics_process"] * 2, *answers]
    note(env.step(dict.fromkeys(env.agents, 1))[-1])
    assert calls[3] == [*["apply_action([0, 1])", "_physics_process"] * 2, *answers]
    assert env.agents == ["ant_2", "ant_3", "ant_4"]
    # The freed group gets no calls; the info of the ordinary agent lists the calls.
    note(env.step(dict.fromkeys(env.agents, 1))[-1])
    assert calls[4] == ["_physics_process"] * 2


def test_freed_group_terminates_its_live_agents(make: Any) -> None:
    env = make("group_calls")
    env.reset(seed=1, options={"end_at": [1, 9], "leave_at": 3})
    env.step(dict.fromkeys(env.agents, 1))
    env.step(dict.fromkeys(env.agents, 1))
    observations, rewards, terminations, truncations, _ = env.step(dict.fromkeys(env.agents, 1))
    assert set(observations) == {"ant_1", "ant_2", "ant_3", "ant_4"}
    assert terminations == {"ant_1": True, "ant_2": False, "ant_3": False, "ant_4": False}
    assert not any(truncations.values())
    assert rewards["ant_1"] == 0.0
    assert env.agents == ["ant_2", "ant_3", "ant_4"]

"""The call contract: which method of an agent the bridge calls, when, and how often."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from godot_marl.parallel import GodotParallelEnv

pytestmark = pytest.mark.godot

MakeEnv = Callable[..., GodotParallelEnv]

# The scene `calls` has two agents: `all` has every method of the interface, `few` only the required ones, an action
# space and an info. A step lasts two frames, and `few` is done after two steps.
DISCOVERY = [
    "all.get_policy_name",
    "all.get_agent_name",
    "all.get_observation_space",
    "all.get_action_space",
    "few.get_observation",
    "few.get_action_space",
    "arena.get_state_space",
]
RESET = [
    "arena.reset_arena",
    "all.get_policy_name",
    "all.get_agent_name",
    "all.set_options()",
    "all.set_seed",
    "all.reset",
    "few.reset",
    "all.get_observation",
    "all.get_action_mask",
    "all.get_info",
    "few.get_observation",
    "few.get_info",
    "arena.get_state",
]
ALL_ANSWERS = [
    "all.get_observation",
    "all.get_reward",
    "all.is_done",
    "all.is_truncated",
    "all.get_action_mask",
    "all.get_info",
]
FEW_ANSWERS = ["few.get_observation", "few.get_reward", "few.is_done", "few.get_info"]


def frame(**actions: int) -> list[str]:
    """The calls of one physics frame. A finished agent is still a node with a _physics_process of its own."""
    return [
        *(f"{agent}.apply_action([{action}])" for agent, action in actions.items()),
        "all._physics_process",
        "few._physics_process",
        "physics",
    ]


def calls_of(infos: dict[str, dict[str, Any]]) -> list[str]:
    """All calls since the game began. The infos share one list, which is written out after the calls of all agents."""
    calls: list[str] = next(iter(infos.values()))["calls"]
    return calls


def test_discovery_calls_only_the_methods_of_spaces_and_names_and_one_observation_without_space(
    make: MakeEnv,
) -> None:
    env = make("calls")
    _, infos = env.reset(seed=1)
    assert calls_of(infos)[: len(DISCOVERY)] == DISCOVERY


def test_reset_calls_the_arena_then_the_agents_then_gets_the_first_observation(make: MakeEnv) -> None:
    env = make("calls")
    _, infos = env.reset(seed=1)
    # No frame passes before the first step: no _physics_process, no physics.
    assert calls_of(infos) == DISCOVERY + RESET


def test_step_applies_the_action_in_each_frame_and_observes_once_after_the_last(make: MakeEnv) -> None:
    env = make("calls")
    env.reset(seed=1)
    *_, infos = env.step({"all": 2, "few_0": 1})
    step = [*frame(all=2, few=1), *frame(all=2, few=1), *ALL_ANSWERS, *FEW_ANSWERS, "arena.get_state"]
    assert calls_of(infos) == DISCOVERY + RESET + step


def test_finished_agent_gets_no_calls_until_reset(make: MakeEnv) -> None:
    env = make("calls")
    env.reset(seed=1)
    both = {"all": 2, "few_0": 0}
    step = [*frame(all=2, few=0), *frame(all=2, few=0), *ALL_ANSWERS, *FEW_ANSWERS, "arena.get_state"]
    env.step(both)
    *_, terminations, _, infos = env.step(both)
    assert terminations == {"all": False, "few_0": True}
    assert calls_of(infos) == DISCOVERY + RESET + step * 2

    *_, infos = env.step(both)
    alone = [*frame(all=2), *frame(all=2), *ALL_ANSWERS, "arena.get_state"]
    assert calls_of(infos) == DISCOVERY + RESET + step * 2 + alone

    _, infos = env.reset(seed=2)
    assert calls_of(infos) == DISCOVERY + RESET + step * 2 + alone + RESET


def test_last_observation_is_taken_before_any_reset_code(make: MakeEnv) -> None:
    env = make("walker")
    env.reset(seed=1)
    for _ in range(4):
        env.step({"walker_0": 2})
    observations, rewards, terminations, *_ = env.step({"walker_0": 2})
    assert (observations["walker_0"].tolist(), rewards["walker_0"], terminations["walker_0"]) == ([5.0], 5.0, True)
    assert env.reset()[0]["walker_0"].tolist() == [0.0]


def test_step_without_live_agents_calls_no_agent(make: MakeEnv) -> None:
    env = make("walker")
    env.reset(seed=1)
    for _ in range(5):
        env.step({"walker_0": 0})
    assert env.agents == []
    assert env.step({}) == ({}, {}, {}, {}, {})


@pytest.mark.parametrize("step_length", [1, 5])
def test_option_step_length_is_the_number_of_frames_with_the_action(make: MakeEnv, step_length: int) -> None:
    env = make("calls", step_length=step_length)
    env.reset(seed=1)
    *_, infos = env.step({"all": 0, "few_0": 2})
    expected = frame(all=0, few=2) * step_length
    assert calls_of(infos)[len(DISCOVERY + RESET) :][: len(expected) + 1] == [*expected, "all.get_observation"]
    assert env.metadata["render_fps"] == 60 / step_length


def test_ray_cast_sees_the_old_place_of_the_wall_right_after_a_reset(make: MakeEnv) -> None:
    env = make("sensor")
    env.reset(seed=1)
    seen = [env.reset()[0]["sensor_0"].tolist() for _ in range(2)]
    assert [place for place, _ in seen] != [place for _, place in seen]


def test_ray_cast_sees_the_new_place_of_the_wall_after_settle_frames(make: MakeEnv) -> None:
    env = make("sensor_settled")
    seen = [env.reset(seed=1)[0]["sensor_0"] for _ in range(3)]
    np.testing.assert_allclose(seen, [[2, 2], [4, 4], [6, 6]], rtol=1e-6)

"""Agents that take turns: the rules of the scene say which agent acts, on the real engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pettingzoo import AECEnv
from pettingzoo.test import api_test, seed_test

import godot_marl
from godot_marl.errors import SceneError

pytestmark = pytest.mark.godot

MakeEnv = Callable[..., AECEnv[str, Any, Any]]


@pytest.fixture
def make_env(scenes: Path) -> Iterator[MakeEnv]:
    made: list[AECEnv[str, Any, Any]] = []

    def make_one(scene: str, **options: Any) -> AECEnv[str, Any, Any]:
        env = godot_marl.env(scenes, scene=f"{scene}.tscn", **options)
        made.append(env)
        return env

    yield make_one
    for env in made:
        env.close()


def play(env: AECEnv[str, Any, Any], action: int = 1) -> list[str]:
    """Play an episode, and return the agents in the order of their actions."""
    env.reset(seed=1)
    acted = []
    for agent in env.agent_iter(50):
        *_, terminated, truncated, _ = env.last()
        over = terminated or truncated
        if not over:
            acted.append(agent)
        env.step(None if over else action)
    return acted


@pytest.mark.parametrize(
    ("scene", "order"),
    [
        ("turns", [0, 1, 2, 2, 0, 1]),
        ("turns_paused", [0, 1, 2, 2, 0, 1]),
        ("turns_drop_out", [1, 0, 2, 2, 0, 2]),
    ],
)
def test_the_scene_says_whose_turn_it_is(make_env: MakeEnv, scene: str, order: list[int]) -> None:
    env = make_env(scene)
    assert play(env) == [f"player_{index}" for index in order]
    assert play(env) == [f"player_{index}" for index in order]


def test_only_the_action_of_the_agent_whose_turn_it_is_arrives(make_env: MakeEnv) -> None:
    env = make_env("turns")
    env.reset(seed=1)
    for action in (0, 1, 0, 1):
        env.step(action)
    assert env.infos["player_0"]["moves"] == [0, 11, 20, 21]


def test_rewards_accumulate_until_the_agent_acts(make_env: MakeEnv) -> None:
    env = make_env("turns")
    env.reset(seed=1)
    assert env.last()[1] == 0.0
    env.step(0)
    assert env.rewards == {"player_0": 1.0, "player_1": 0.0, "player_2": 0.0}
    env.step(0)
    env.step(0)
    assert env.agent_selection == "player_2"
    assert env.last()[1] == 1.0


def test_an_agent_that_drops_out_takes_no_turn_and_leaves(make_env: MakeEnv) -> None:
    env = make_env("turns_drop_out")
    env.reset(seed=1)
    env.step(0)
    assert env.terminations == {"player_0": False, "player_1": True, "player_2": False}
    assert env.agent_selection == "player_1"
    env.step(None)
    assert env.agents == ["player_0", "player_2"]
    assert env.agent_selection == "player_0"


def test_mask_is_in_the_observation_and_in_the_info(make_env: MakeEnv) -> None:
    env = make_env("turns")
    env.reset(seed=1)
    observation, _, _, _, info = env.last()
    assert observation["action_mask"].tolist() == [1, 1, 1]
    assert info["action_mask"].tolist() == [1, 1, 1]
    env.step(0)
    assert env.observe("player_1")["action_mask"].tolist() == [1, 1, 0]


@pytest.mark.parametrize("scene", ["turns", "turns_paused", "turns_drop_out"])
@pytest.mark.filterwarnings("ignore:Observation numpy array is all zeros:UserWarning")
# A masked observation is a Dict, as in PettingZoo's classic games.
@pytest.mark.filterwarnings("ignore:Observation space for each agent probably should be:UserWarning")
@pytest.mark.filterwarnings("ignore:Observation is not a NumPy array:UserWarning")
def test_pettingzoo_api(make_env: MakeEnv, scene: str) -> None:
    api_test(make_env(scene), num_cycles=60)


def test_pettingzoo_seeds(scenes: Path) -> None:
    seed_test(lambda: godot_marl.env(scenes, scene="turns.tscn"), num_cycles=30)


def test_state_and_policies_are_there(make_env: MakeEnv) -> None:
    env = make_env("turns")
    env.reset(seed=1)
    env.step(0)
    assert env.state().tolist() == [1.0]
    assert env.unwrapped.policies == {"player_0": "default", "player_1": "default", "player_2": "default"}


def test_two_turns_at_once_are_an_error(make_env: MakeEnv) -> None:
    env = make_env("turns_two_at_once")
    with pytest.raises(SceneError) as caught:
        env.reset(seed=1)
    assert str(caught.value) == (
        "Several agents have the turn.\n"
        "  where: /root/Table/Player1.is_turn(), /root/Table/Player2.is_turn()\n"
        "  expected: exactly one live agent that answers true\n"
        "  got: true from 2 of them\n"
        "  what to do: Let the scene's rules give the turn to one agent until the episode is over."
    )


def test_a_missing_turn_is_an_error_after_the_timeout(make_env: MakeEnv) -> None:
    env = make_env("turns_nobody", turn_timeout=0.5)
    env.reset(seed=1)
    env.step(0)
    with pytest.raises(SceneError) as caught:
        env.step(0)
    assert caught.value.what == "No agent has the turn."
    assert caught.value.expected == "exactly one live agent that answers true within turn_timeout"


def test_parallel_env_refuses_turns_and_names_env(scenes: Path) -> None:
    env = godot_marl.parallel_env(scenes, scene="turns.tscn")
    with pytest.raises(SceneError) as caught:
        env.reset(seed=1)
    assert caught.value.what == "The agents of this scene take turns, and all agents of a ParallelEnv act at once."
    assert caught.value.remedy == "Use godot_marl.env(game, ...), PettingZoo's AEC form."

"""Padded environments against the plain ones: nothing is lost, added or moved, with and without SuperSuit."""

from __future__ import annotations

import pickle
from typing import Any

import cloudpickle
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import data_equivalence
from hypothesis import given, settings
from hypothesis import strategies as st
from padding import EMPTY, check_padded, check_vector, vector_of
from pettingzoo.test import parallel_api_test
from scheduled import Life, Scheduled, play_plain
from stable_baselines3 import PPO

import godot_marl
from godot_marl import errors
from godot_marl.wrappers import blank_observation

NUMBERS = spaces.Box(-1.0, 1.0, (3,), np.float32)


# -- Blank observations ------------------------------------------------------------------------------------------------

MASKED = spaces.Dict(observation=NUMBERS, action_mask=spaces.Box(0, 1, (5,), np.int8))
SPACES: dict[str, tuple[spaces.Space[Any], Any]] = {
    "box around zero": (NUMBERS, np.zeros(3, np.float32)),
    "box above zero": (spaces.Box(2, 9, (2, 2), np.uint8), np.full((2, 2), 2, np.uint8)),
    "box below zero": (spaces.Box(np.array([-9.0, -np.inf]), np.array([-2.5, 0.0]), dtype=np.float64), [-2.5, 0.0]),
    "unbounded box": (spaces.Box(-np.inf, np.inf, (2,), np.float64), np.zeros(2)),
    "discrete": (spaces.Discrete(4), 0),
    "discrete above zero": (spaces.Discrete(4, start=3), 3),
    "discrete below zero": (spaces.Discrete(4, start=-9), -6),
    "multi-discrete": (spaces.MultiDiscrete([2, 3], start=[-5, 4]), [-4, 4]),
    "multi-binary": (spaces.MultiBinary((2, 2)), np.zeros((2, 2), np.int8)),
    "masked": (MASKED, {"observation": np.zeros(3, np.float32), "action_mask": np.ones(5, np.int8)}),
    "masked in several parts": (
        spaces.Dict(view=NUMBERS, action_mask=spaces.Tuple([spaces.MultiBinary(2), spaces.Box(0, 1, (3,), np.int8)])),
        {"view": np.zeros(3), "action_mask": (np.ones(2), np.ones(3))},
    ),
    "nested": (
        spaces.Tuple([spaces.Dict(a=spaces.Discrete(2, start=1), b=NUMBERS), spaces.MultiBinary(2)]),
        ({"a": 1, "b": np.zeros(3)}, np.zeros(2)),
    ),
}


def as_lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: as_lists(member) for key, member in value.items()}
    return tuple(map(as_lists, value)) if isinstance(value, tuple) else np.asarray(value).tolist()


@pytest.mark.parametrize("name", SPACES)
def test_a_blank_is_what_is_nearest_to_zero_in_the_space(name: str) -> None:
    space, expected = SPACES[name]
    blank = blank_observation(space, "one_0")
    assert blank in space
    assert as_lists(blank) == as_lists(expected)
    assert all(
        not np.shares_memory(x, y) for x, y in zip(arrays(blank), arrays(blank_observation(space, "")), strict=True)
    )


def arrays(value: Any) -> list[Any]:
    if isinstance(value, (dict, tuple)):
        return [array for member in (value.values() if isinstance(value, dict) else value) for array in arrays(member)]
    return [np.asarray(value)]


def test_a_space_without_a_blank_is_an_error_of_the_first_reset_although_no_row_is_blank_yet() -> None:
    space = spaces.Dict(words=spaces.Text(3), numbers=NUMBERS)
    with pytest.raises(errors.InvalidSpaceError) as caught:
        godot_marl.pad_agents(Scheduled([(0, 2, "ended"), (0, 2, "cut")], [NUMBERS, space])).reset()
    assert caught.value.where == "one_1.words"


def test_only_a_parallel_env_can_be_padded() -> None:
    with pytest.raises(errors.InvalidOptionError, match="Only a ParallelEnv"):
        godot_marl.pad_agents(object())  # type: ignore[arg-type]


# -- Any ParallelEnv ---------------------------------------------------------------------------------------------------

LIVES = st.tuples(st.integers(0, 6), st.integers(1, 6), st.sampled_from(["ended", "cut", "both"]))


@settings(max_examples=300, database=None)
@given(
    lives=st.lists(LIVES, min_size=1, max_size=6).filter(lambda lives: any(birth == 0 for birth, _, _ in lives)),
    kinds=st.lists(st.sampled_from(list(SPACES)), min_size=6, max_size=6),
)
def test_padding_keeps_every_row_of_any_environment(lives: list[Life], kinds: list[str]) -> None:
    of_each = [SPACES[kind][0] for kind in kinds[: len(lives)]]
    plain, padded = Scheduled(lives, of_each), godot_marl.pad_agents(Scheduled(lives, of_each))
    for seed in (1, None):
        check_padded(padded, play_plain(plain, seed=seed), seed=seed)


def test_an_episode_without_agents_ends_at_once() -> None:
    padded = godot_marl.pad_agents(Scheduled([(1, 2, "ended")], [NUMBERS]))
    assert padded.reset()[1] == {"one_0": {"active": False}}
    assert padded.agents == []
    assert padded.step({}) == EMPTY


def test_a_reset_in_mid_episode_clears_returns_and_lengths() -> None:
    padded = godot_marl.pad_agents(Scheduled([(0, 2, "ended")], [NUMBERS]))
    for _ in range(2):
        padded.reset()
        padded.step({"one_0": 1})
    assert padded.step({"one_0": 2})[4]["one_0"]["episode"] == {"r": 101.0 + 202.0, "l": 2}


@pytest.mark.parametrize("how", ["ended", "cut", "both"])
def test_parallel_api(how: str) -> None:
    # PettingZoo's test wants ended agents out of `agents`, so they end together here; births are in mid-episode.
    parallel_api_test(godot_marl.pad_agents(Scheduled([(0, 4, how), (1, 3, how), (3, 1, how)], [NUMBERS] * 3)), 20)


def test_other_attributes_are_those_of_the_environment() -> None:
    plain = Scheduled([(0, 3, "ended")], [NUMBERS])
    padded = godot_marl.pad_agents(plain)
    padded.reset(seed=4)
    padded.step({"one_0": 1})
    assert padded.unwrapped is plain
    assert padded.state() == [1]
    assert padded.metadata is plain.metadata
    assert padded.render_mode is None
    assert padded.observation_space("one_0") is plain.observation_space("one_0")
    assert padded.action_space("one_0") is plain.action_space("one_0")
    assert str(padded) == "scheduled"
    assert padded.num_agents == padded.max_num_agents == 1


def test_an_episode_entry_of_the_environment_is_not_replaced() -> None:
    class WithEpisode(Scheduled):
        def step(self, actions: dict[str, Any]) -> Any:
            *rest, infos = super().step(actions)
            return *rest, {name: {"episode": {"r": 3.0, "l": 4}} for name in infos}

    padded = godot_marl.pad_agents(WithEpisode([(0, 1, "ended")], [NUMBERS]))
    padded.reset()
    assert padded.step({"one_0": 1})[4]["one_0"]["episode"] == {"r": 3.0, "l": 4}


def test_an_agent_that_vanishes_without_a_flag_is_truncated() -> None:
    class Silent(Scheduled):
        def step(self, actions: dict[str, Any]) -> Any:
            observations, rewards, _, _, infos = super().step(actions)
            no = dict.fromkeys(observations, False)
            return observations, rewards, no, dict(no), infos

    padded = godot_marl.pad_agents(Silent([(0, 1, "ended"), (0, 2, "ended")], [NUMBERS] * 2))
    padded.reset()
    _, _, terminations, truncations, infos = padded.step({"one_0": 1, "one_1": 1})
    assert terminations == {"one_0": False, "one_1": False}
    assert truncations == {"one_0": True, "one_1": False}
    assert infos["one_0"]["TimeLimit.truncated"] is True


@pytest.mark.parametrize("library", [pickle, cloudpickle])
def test_a_pickled_copy_goes_on_where_the_original_was(library: Any) -> None:
    padded = godot_marl.pad_agents(Scheduled([(0, 2, "ended"), (0, 3, "cut")], [NUMBERS] * 2))
    padded.reset()
    padded.step({"one_0": 1, "one_1": 2})
    twin = library.loads(library.dumps(padded))
    for actions in ({"one_0": 1, "one_1": 2}, {"one_0": None, "one_1": 2}):
        assert data_equivalence(twin.step(actions), padded.step(actions))
    assert twin.agents == padded.agents == []


# -- SuperSuit and stable-baselines3 -----------------------------------------------------------------------------------

APART: list[Life] = [(0, 2, "ended"), (0, 5, "cut"), (1, 2, "cut"), (0, 5, "ended"), (9, 1, "ended")]


@pytest.mark.parametrize("copies", [1, 3])
def test_supersuit_sees_every_end_and_resets_in_the_last_one(copies: int) -> None:
    vector = vector_of(godot_marl.pad_agents(Scheduled(APART, [NUMBERS] * 5)), copies)
    check_vector(vector, Scheduled(APART, [NUMBERS] * 5), copies, episodes=3)
    vector.close()


def test_ppo_bootstraps_only_truncated_ends_and_counts_every_end_once() -> None:
    model = PPO(
        "MlpPolicy",
        vector_of(godot_marl.pad_agents(Scheduled(APART, [NUMBERS] * 5)), 1),
        n_steps=10,
        batch_size=10,
        n_epochs=1,
        gamma=0.5,
        device="cpu",
    )
    model.learn(10)
    # Two episodes of five steps; the agents of APART, of which the last one is never born.
    assert sorted(info["l"] for info in model.ep_info_buffer) == [2, 2, 2, 2, 5, 5, 5, 5]
    actions = model.rollout_buffer.actions.reshape(5, 10).T  # PPO has turned them round
    now = np.arange(10) % 5 + 1
    plain = 100.0 * now[:, None] + actions
    plain[:, 4] = 0.0
    plain[now > 2, 0] = 0.0
    plain[now == 1, 2] = 150.0  # the newborn's first row
    plain[now > 3, 2] = 0.0
    was_cut = np.zeros((10, 5), bool)
    was_cut[now == 5, 1] = was_cut[now == 3, 2] = True
    assert np.array_equal(np.abs(model.rollout_buffer.rewards - plain) > 1e-6, was_cut)

"""Padded environments against the plain ones: nothing is lost, added or moved, with and without SuperSuit."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest
import supersuit
from gymnasium import spaces
from gymnasium.utils.env_checker import data_equivalence
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pettingzoo import ParallelEnv
from pettingzoo.test import parallel_api_test
from scheduled import Life, Scheduled, action_of, play_plain
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

import godot_marl
from godot_marl import errors
from godot_marl.parallel import GodotParallelEnv
from godot_marl.wrappers import blank_observation

MakeEnv = Callable[..., GodotParallelEnv]
EMPTY: tuple[dict[str, Any], ...] = ({}, {}, {}, {}, {})
NUMBERS = spaces.Box(-1.0, 1.0, (3,), np.float32)


def check_padded(padded: godot_marl.PaddedEnv, plain: list[Any], **how: Any) -> None:
    """Play the padded environment and compare it with an episode of the plain one, row by row."""
    names = padded.possible_agents
    observations, infos = padded.reset(**how)
    there = list(plain[0][0])
    assert list(observations) == names
    assert data_equivalence({name: observations[name] for name in there}, plain[0][0])
    assert data_equivalence({name: infos[name] for name in there}, plain[0][1])
    check_blanks(padded, {name: observations[name] for name in names if name not in there})
    assert all(infos[name] == {"active": False} for name in names if name not in there)
    returns, lengths = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0)
    for step, expected in enumerate(plain[1:], start=1):
        assert padded.agents == names
        acting = padded.env.agents
        answer = padded.step({name: action_of(padded, name, step) if name in acting else None for name in names})
        assert [set(part) for part in answer] == [set(names)] * 5
        active = [name for name in names if answer[4][name]["active"]]
        assert set(active) == set(expected[0])
        assert data_equivalence({name: answer[0][name] for name in expected[0]}, expected[0])
        for got, wanted in zip(answer[1:4], expected[1:4], strict=True):
            assert {name: got[name] for name in active} == wanted
        for name in active:
            info = dict(answer[4][name])
            returns[name] += answer[1][name]
            lengths[name] += name in acting
            del info["active"]
            if answer[2][name] or answer[3][name]:
                assert data_equivalence(info.pop("terminal_observation"), expected[0][name])
                assert info.pop("TimeLimit.truncated") is (not answer[2][name])
                assert info.pop("episode") == {"r": pytest.approx(returns[name]), "l": lengths[name]}
            assert data_equivalence(info, expected[4][name])
        idle = [name for name in names if name not in active]
        check_blanks(padded, {name: answer[0][name] for name in idle})
        is_last = step == len(plain) - 1
        assert all((answer[1][name], answer[2][name], answer[3][name]) == (0.0, is_last, False) for name in idle)
        assert all(answer[4][name] == {"active": False} for name in idle)
        assert all(answer[0][name] in padded.observation_space(name) for name in names)
    assert padded.agents == []
    assert padded.step({}) == EMPTY


def check_blanks(padded: godot_marl.PaddedEnv, observations: dict[str, Any]) -> None:
    for name, observation in observations.items():
        assert observation in padded.observation_space(name)
        assert data_equivalence(observation, blank_observation(padded.observation_space(name), name))


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


def test_a_space_without_a_blank_is_an_error_that_says_where() -> None:
    space = spaces.Dict(words=spaces.Text(3), numbers=NUMBERS)
    with pytest.raises(errors.InvalidSpaceError) as caught:
        godot_marl.pad_agents(Scheduled([(0, 2, "ended"), (1, 2, "cut")], [space, space])).reset()
    assert caught.value.where == "one_1.words"


def test_only_a_parallel_env_can_be_padded() -> None:
    with pytest.raises(errors.InvalidOptionError, match="Only a ParallelEnv"):
        godot_marl.pad_agents(object())  # type: ignore[arg-type]


# -- Any ParallelEnv ---------------------------------------------------------------------------------------------------

LIVES = st.tuples(st.integers(0, 6), st.integers(1, 6), st.sampled_from(["ended", "cut", "both"]))


@settings(max_examples=300, deadline=None, database=None)
@given(
    lives=st.lists(LIVES, min_size=1, max_size=6).filter(lambda lives: any(birth == 0 for birth, _, _ in lives)),
    kinds=st.lists(st.sampled_from(list(SPACES)), min_size=6, max_size=6),
)
def test_padding_keeps_every_row_of_any_environment(lives: list[Life], kinds: list[str]) -> None:
    of_each = [SPACES[kind][0] for kind in kinds[: len(lives)]]
    plain, padded = Scheduled(lives, of_each), godot_marl.pad_agents(Scheduled(lives, of_each))
    for seed in (1, None):
        check_padded(padded, play_plain(plain, seed=seed), seed=seed)


def test_an_episode_with_nobody_is_over_at_once() -> None:
    padded = godot_marl.pad_agents(Scheduled([(1, 2, "ended")], [NUMBERS]))
    assert padded.reset()[1] == {"one_0": {"active": False}}
    assert padded.agents == []
    assert padded.step({}) == EMPTY


def test_a_reset_in_mid_episode_forgets_what_was() -> None:
    padded = godot_marl.pad_agents(Scheduled([(0, 2, "ended")], [NUMBERS]))
    for _ in range(2):
        padded.reset()
        padded.step({"one_0": 1})
    assert padded.step({"one_0": 2})[4]["one_0"]["episode"] == {"r": 101.0 + 202.0, "l": 2}


@pytest.mark.parametrize("how", ["ended", "cut", "both"])
def test_parallel_api(how: str) -> None:
    # PettingZoo's test wants ended agents out of `agents`, so they end together here; births are in mid-episode.
    parallel_api_test(godot_marl.pad_agents(Scheduled([(0, 4, how), (1, 3, how), (3, 1, how)], [NUMBERS] * 3)), 20)


def test_what_is_not_about_agents_is_the_environments_own() -> None:
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


def test_an_agent_that_vanishes_without_a_flag_is_cut_off() -> None:
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


def vector_of(env: ParallelEnv, copies: int) -> VecEnv:
    vector = supersuit.pettingzoo_env_to_vec_env_v1(env)
    return supersuit.concat_vec_envs_v1(vector, copies, base_class="stable_baselines3")


def check_vector(vector: VecEnv, plain: ParallelEnv, copies: int, episodes: int) -> None:
    """Compare copies of a padded environment, which reset by themselves, with the plain one."""
    names = plain.possible_agents
    answers = [play_plain(plain) for _ in range(episodes + 1)]
    rows = vector.reset()
    for episode in range(episodes):
        check_rows(rows, names, answers[episode][0][0], copies)
        ended: set[str] = set()
        for step, expected in enumerate(answers[episode][1:], start=1):
            actions = [action_of(plain, name, step) for name in names] * copies
            rows, rewards, dones, infos = vector.step(np.array(actions))
            is_last = step == len(answers[episode]) - 1
            check_rows(rows, names, answers[episode + 1][0][0] if is_last else expected[0], copies)
            for i, name in enumerate(names * copies):
                is_end = name in expected[0] and (expected[2][name] or expected[3][name])
                assert rewards[i] == pytest.approx(expected[1].get(name, 0.0))
                assert dones[i] == (is_end or is_last)
                assert ("episode" in infos[i]) == is_end
                assert infos[i].get("TimeLimit.truncated", False) == (is_end and not expected[2][name])
                if is_end:
                    assert data_equivalence(infos[i]["terminal_observation"], expected[0][name])
                    ended.add(name)
                else:
                    assert name in expected[0] or infos[i]["active"] is False
        assert ended == {name for part in answers[episode] for name in part[0]}


def check_rows(rows: Any, names: list[str], expected: dict[str, Any], copies: int) -> None:
    for i, name in enumerate(names * copies):
        if name in expected:
            assert data_equivalence(rows[i], expected[name])


@pytest.mark.parametrize("copies", [1, 3])
def test_supersuit_sees_every_end_and_resets_in_the_last_one(copies: int) -> None:
    vector = vector_of(godot_marl.pad_agents(Scheduled(APART, [NUMBERS] * 5)), copies)
    check_vector(vector, Scheduled(APART, [NUMBERS] * 5), copies, episodes=3)
    vector.close()


def test_ppo_estimates_only_what_was_cut_off_and_counts_every_end_once() -> None:
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


# -- The real engine ---------------------------------------------------------------------------------------------------

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
@settings(max_examples=40, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(schedule=SCHEDULES)
def test_agents_of_a_scene_that_come_and_go(herds: Any, schedule: list[list[tuple[str, int]]]) -> None:
    plain, padded = herds
    how = {"seed": 5, "options": {"schedule": schedule}}
    check_padded(padded, play_plain(plain, **how), **how)


@pytest.mark.godot
def test_a_lazy_game_stays_lazy(make: MakeEnv) -> None:
    inner = make("walker")
    padded = godot_marl.pad_agents(inner)
    assert pickle.loads(pickle.dumps(padded)).env._arena.is_unknown  # noqa: S301 - made just now
    assert padded.render_mode is None
    padded.close()
    with pytest.raises(errors.ClosedEnvironmentError):
        padded.step({"walker_0": 0})


@pytest.mark.godot
def test_faults_of_the_caller_are_still_found(monkeypatch: pytest.MonkeyPatch, make: MakeEnv) -> None:
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

"""CartPole's second scene on the real engine: four carts, each an agent that behaves as the one of the first scene."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import pytest
from pages import table_rows
from pettingzoo.test import api_test, parallel_api_test, render_test, seed_test
from pettingzoo.test.state_test import state_test

from godot_marl.envs import cartpole_v0
from godot_marl.parallel import GodotParallelEnv

pytestmark = pytest.mark.godot

README = "envs/cartpole/README.md"
SCENE = "several_carts.tscn"
CARTS = ["cart_0", "cart_1", "cart_2", "cart_3"]

make = partial(cartpole_v0.parallel_env, scene=SCENE)
make_aec = partial(cartpole_v0.env, scene=SCENE)


@pytest.fixture(scope="module")
def env() -> Iterator[GodotParallelEnv]:
    env = make()
    yield env
    env.close()


@pytest.fixture(scope="module")
def single() -> Iterator[GodotParallelEnv]:
    env = cartpole_v0.parallel_env()
    yield env
    env.close()


def balance(observation: np.ndarray[Any, Any], target: float) -> int:
    """A controller by hand that keeps the pole up near a position."""
    return int((observation - [target, 0.0, 0.0, 0.0]) @ np.array([0.02, 0.3, 2.0, 20.0]) > 0)


def play_all(env: GodotParallelEnv, actions: dict[str, list[int]]) -> dict[str, list[list[float]]]:
    """Each cart's observations, with its reward and its flags, until all have ended."""
    observations, _ = env.reset(seed=1)
    rows = {cart: [observations[cart].tolist()] for cart in env.agents}
    step = 0
    while env.agents:
        answers = env.step({cart: actions[cart][step] for cart in env.agents})
        observations, rewards, terminations, truncations, _ = answers
        for cart in observations:
            rows[cart].append([*observations[cart].tolist(), rewards[cart], terminations[cart], truncations[cart]])
        step += 1
    return rows


def test_its_agents_share_a_policy(env: GodotParallelEnv) -> None:
    assert env.possible_agents == CARTS
    assert set(env.policies.values()) == {"default"}


# -- The contracts of PettingZoo ---------------------------------------------------------------------------------------


def test_parallel_api(env: GodotParallelEnv) -> None:
    parallel_api_test(env, num_cycles=200)


# An episode begins at rest and upright: four zeros for each cart.
@pytest.mark.filterwarnings("ignore:Observation numpy array is all zeros:UserWarning")
def test_aec_api() -> None:
    env = make_aec()
    api_test(env, num_cycles=200)
    env.close()


def test_seeds_of_the_aec_form() -> None:
    seed_test(make_aec, num_cycles=100)


@pytest.mark.filterwarnings("ignore:State numpy array is all zeros:UserWarning")
def test_state_of_all_carts() -> None:
    aec, parallel = make_aec(), make()
    aec.reset(seed=1)
    parallel.reset(seed=1)
    state_test(aec, parallel)
    aec.close()
    for actions in ([0, 1, 0, 1], [0, 0, 1, 1]):
        observations, *_ = parallel.step(dict(zip(CARTS, actions, strict=True)))
    states = parallel.state().reshape(4, 4)
    for cart, state in zip(CARTS, states, strict=True):
        assert state[[0, 2]].tolist() == observations[cart][[0, 2]].tolist()
    assert states[0, 1] < 0.0 < states[3, 1]
    parallel.close()


@pytest.mark.usefixtures("display")
def test_render() -> None:
    render_test(functools.partial(make_aec, render_size=(320, 180)))


# -- The carts ---------------------------------------------------------------------------------------------------------


def test_each_cart_behaves_bit_for_bit_as_the_single_one(env: GodotParallelEnv, single: GodotParallelEnv) -> None:
    rng = np.random.default_rng(2)
    for _ in range(8):
        actions = {cart: rng.integers(2, size=cartpole_v0.MAX_CYCLES).tolist() for cart in CARTS}
        together = play_all(env, actions)
        for cart in CARTS:
            assert together[cart] == play_all(single, {"cart_0": actions[cart]})["cart_0"]


def test_a_balancing_cart_is_not_disturbed_by_the_ends_of_others(
    env: GodotParallelEnv, single: GodotParallelEnv
) -> None:
    observation = single.reset(seed=1)[0]["cart_0"]
    alone, actions = [observation.tolist()], []
    while single.agents:
        actions.append(balance(observation, 5.0))
        observation = single.step({"cart_0": actions[-1]})[0]["cart_0"]
        alone.append(observation.tolist())
    assert len(actions) == cartpole_v0.MAX_CYCLES
    falling = {cart: [index % 2] * len(actions) for index, cart in enumerate(CARTS)}
    for cart in CARTS:
        rows = play_all(env, {**falling, cart: actions})
        assert [row[:4] for row in rows[cart]] == alone
        assert rows[cart][-1][4:] == [1.0, False, True]


def test_carts_end_apart_and_stand_still_until_the_next_episode(env: GodotParallelEnv) -> None:
    observations, _ = env.reset(seed=1)
    ends: dict[str, int] = {}
    at_end: dict[str, list[float]] = {}
    for step in range(1, 101):
        actions = {
            # To one side, to and fro, in pairs to and fro, and balancing.
            cart: [1, step % 2, step // 2 % 2, balance(observations[cart], 0.0)][CARTS.index(cart)]
            for cart in env.agents
        }
        observations, _, terminations, truncations, _ = env.step(actions)
        assert not any(truncations.values())
        for cart, is_over in terminations.items():
            if is_over:
                ends[cart] = step
                at_end[cart] = observations[cart].tolist()
        states = dict(zip(CARTS, env.state().reshape(4, 4).tolist(), strict=True))
        for cart, end in ends.items():
            # Where it was when it ended, and from the next step on at rest.
            assert states[cart][::2] == at_end[cart][::2]
            assert step == end or states[cart][1::2] == [0.0, 0.0]
    assert env.agents == ["cart_3"]
    assert len(set(ends.values())) == len(ends) == 3
    observations, _ = env.reset(seed=1)
    assert env.agents == CARTS
    assert not env.state().any()
    env.step(dict.fromkeys(CARTS, 1))
    assert (env.state().reshape(4, 4)[:, 1] > 0.0).all()


# -- Images ------------------------------------------------------------------------------------------------------------


def test_the_image_distinguishes_the_carts() -> None:
    env = make(render_mode="rgb_array", render_size=(960, 540))
    env.reset(seed=1)
    before = env.render()
    env.step(dict.fromkeys(CARTS, 1))
    env.step(dict.fromkeys(CARTS, 1))
    after = env.render()
    env.close()
    assert before is not None
    assert after is not None
    moved = np.flatnonzero((before != after).any(axis=(1, 2)))
    assert 30 < moved.min() < 170  # the last cart's pole
    assert 450 < moved.max() < 520  # the first cart's wheels
    # Left of the poles, in the middle of each chassis, from the first cart to the last one.
    colors = [before[row, 460].astype(int) for row in (445, 336, 248, 172)]
    for index, color in enumerate(colors):
        for other in colors[:index]:
            assert np.abs(color - other).sum() > 60


# -- The README --------------------------------------------------------------------------------------------------------


def test_readme_table_of_agents(env: GodotParallelEnv) -> None:
    assert [row[0].strip("`") for row in table_rows(README, "| Agent | Cart | Track |")] == env.possible_agents


def test_readme_table_of_the_state_is_the_live_space(env: GodotParallelEnv) -> None:
    rows = table_rows(README, "| Num | State of several carts |")
    ranges = [tuple(int(part) for part in row[0].split("-")) for row in rows]
    assert [number for first, last in ranges for number in range(first, last + 1)] == list(range(16))
    space = env.state_space
    assert isinstance(space, gymnasium.spaces.Box)
    assert [float(part) for row in rows for part in row[2].split(",")] == space.low.tolist()
    assert [float(part) for row in rows for part in row[3].split(",")] == space.high.tolist()

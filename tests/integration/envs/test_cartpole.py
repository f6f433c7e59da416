"""CartPole on the real engine: PettingZoo's, Gymnasium's and stable-baselines3's own tests, and its README."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check_env
from pages import table_rows
from pettingzoo.test import api_test, max_cycles_test, parallel_api_test, render_test, seed_test
from pettingzoo.test.state_test import state_test
from stable_baselines3.common.env_checker import check_env as sb3_check_env

import godot_marl
from godot_marl.assets.install import prepare_example
from godot_marl.envs import cartpole_v0
from godot_marl.parallel import GodotParallelEnv

pytestmark = pytest.mark.godot

AGENT = "cart_0"
README = "envs/cartpole/README.md"


@pytest.fixture(scope="module")
def game() -> str:
    return str(prepare_example("cartpole"))


@pytest.fixture(scope="module")
def env() -> Iterator[GodotParallelEnv]:
    env = cartpole_v0.parallel_env()
    yield env
    env.close()


def play(env: GodotParallelEnv, actions: list[int], seed: int = 7) -> np.ndarray[Any, Any]:
    """The observations from the reset on, until the actions or the episode end."""
    observations, _ = env.reset(seed=seed)
    rows = [observations[AGENT]]
    for action in actions:
        if not env.agents:
            break
        observations, *_ = env.step({AGENT: action})
        rows.append(observations[AGENT])
    return np.stack(rows)


def balance(observation: np.ndarray[Any, Any]) -> int:
    """A controller by hand, to reach states that falling episodes never see."""
    return int(observation @ np.array([0.02, 0.3, 2.0, 20.0]) > 0)


# -- The contracts of the libraries ------------------------------------------------------------------------------------


def test_parallel_api(env: GodotParallelEnv) -> None:
    parallel_api_test(env, num_cycles=500)


# As in GymGodot, an episode begins at rest and upright: four zeros.
@pytest.mark.filterwarnings("ignore:Observation numpy array is all zeros:UserWarning")
def test_aec_api() -> None:
    env = cartpole_v0.env()
    api_test(env, num_cycles=500)
    env.close()


def test_seeds_of_the_aec_form() -> None:
    seed_test(cartpole_v0.env, num_cycles=200)


@pytest.mark.filterwarnings("ignore:State numpy array is all zeros:UserWarning")
def test_state_of_the_arena() -> None:
    aec, parallel = cartpole_v0.env(), cartpole_v0.parallel_env()
    aec.reset(seed=1)
    parallel.reset(seed=1)
    state_test(aec, parallel)
    observations, *_ = parallel.step({AGENT: 1})
    position, velocity, angle, angular_velocity = parallel.state()
    assert [position, angle] == observations[AGENT][[0, 2]].tolist()
    assert velocity > 0.0 > angular_velocity
    aec.close()
    parallel.close()


def test_max_cycles() -> None:
    max_cycles_test(cartpole_v0)


@pytest.mark.usefixtures("display")
def test_render() -> None:
    render_test(functools.partial(cartpole_v0.env, render_size=(320, 180)))


@pytest.mark.usefixtures("display")
def test_gymnasium_checker(game: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make("godot_marl/Godot-v0", game=game, render_mode="rgb_array", render_size=(320, 180))
        gymnasium_check_env(env.unwrapped)
        env.close()


def test_stable_baselines3_checker(game: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make("godot_marl/Godot-v0", game=game)
        sb3_check_env(env)
        env.close()


def test_gymnasium_time_limit_truncates(game: str) -> None:
    env = gymnasium.make("godot_marl/Godot-v0", game=game, max_episode_steps=5)
    env.reset(seed=1)
    ends = [env.step(i % 2)[2:4] for i in range(5)]
    env.close()
    assert ends == [(False, False)] * 4 + [(False, True)]


# -- The player by hand ------------------------------------------------------------------------------------------------


def returns_of(env: GodotParallelEnv, act: Callable[[np.ndarray[Any, Any]], int], episodes: int) -> list[float]:
    returns = []
    for seed in range(episodes):
        observation, total = env.reset(seed=seed)[0][AGENT], 0.0
        while env.agents:
            observations, rewards, *_ = env.step({AGENT: act(observation)})
            observation, total = observations[AGENT], total + rewards[AGENT]
        returns.append(total)
    return returns


def test_the_scripted_player_is_better_than_chance_and_can_be_beaten(env: GodotParallelEnv) -> None:
    rng = np.random.default_rng(1)
    policies = set(env.policies.values())
    assert set(cartpole_v0.SCRIPTED) == policies
    scripted = returns_of(env, lambda observation: cartpole_v0.SCRIPTED["default"](observation, None, rng), 4)
    assert set(scripted) == {126.0}
    assert max(returns_of(env, lambda _: int(rng.integers(2)), 20)) < 100.0
    assert returns_of(env, balance, 1) == [cartpole_v0.MAX_CYCLES]


# -- The physics -------------------------------------------------------------------------------------------------------


def test_pushing_left_moves_the_cart_left_and_tips_the_pole(env: GodotParallelEnv) -> None:
    rows = play(env, [0] * 40)
    assert rows[0].tolist() == [0.0, 0.0, 0.0, 0.0]
    assert 5 <= len(rows) - 1 <= 30
    assert np.all(np.diff(rows[:, 0]) < 0)
    assert abs(rows[-1, 2]) > np.pi / 8
    assert np.all(np.abs(rows[:-1, 2]) <= np.pi / 8)


def test_the_last_observation_is_inside_the_bounds(env: GodotParallelEnv) -> None:
    rows = play(env, [1] * 40)
    space = env.observation_space(AGENT)
    assert isinstance(space, gymnasium.spaces.Box)
    assert np.isfinite(space.low).all()
    assert np.isfinite(space.high).all()
    assert all(row in space for row in rows)


def test_the_scene_has_no_time_limit() -> None:
    env = godot_marl.parallel_env(prepare_example("cartpole"))
    observation = env.reset(seed=1)[0][AGENT]
    for _ in range(400):
        observations, _, terminations, truncations, _ = env.step({AGENT: balance(observation)})
        observation = observations[AGENT]
        assert not terminations[AGENT]
        assert not truncations[AGENT]
    env.close()


def test_every_episode_repeats_bit_for_bit(env: GodotParallelEnv) -> None:
    rng = np.random.default_rng(0)
    actions = rng.integers(2, size=60).tolist()
    first = play(env, actions)
    for episode in range(20):
        play(env, rng.integers(2, size=int(rng.integers(1, 80))).tolist(), seed=episode)
        assert play(env, actions).tobytes() == first.tobytes()


def test_a_balanced_episode_repeats_bit_for_bit(env: GodotParallelEnv) -> None:
    def run() -> bytes:
        observation = env.reset(seed=3)[0][AGENT]
        rows = [observation]
        while env.agents:
            observation = env.step({AGENT: balance(observation)})[0][AGENT]
            rows.append(observation)
        assert len(rows) == cartpole_v0.MAX_CYCLES + 1
        return np.stack(rows).tobytes()

    assert run() == run()


_PROCESS = """
import json, sys
import numpy as np
from godot_marl.envs import cartpole_v0
env = cartpole_v0.parallel_env()
actions = np.random.default_rng(5).integers(2, size=200).tolist()
digests = []
for episode in range(3):
    rows = [env.reset(seed=11)[0]["cart_0"]]
    while env.agents:
        rows.append(env.step({"cart_0": actions[len(rows)]})[0]["cart_0"])
    digests.append(np.stack(rows).tobytes().hex())
env.close()
print(json.dumps(digests))
"""


def test_three_processes_see_the_same_bits() -> None:
    runs = [
        json.loads(subprocess.run([sys.executable, "-c", _PROCESS], capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    ]
    assert len({digest for run in runs for digest in run}) == 1


# -- Images ------------------------------------------------------------------------------------------------------------


def test_frames_show_the_cart_moving_and_are_saved(tmp_path: Path) -> None:
    env = cartpole_v0.parallel_env(render_mode="rgb_array", render_size=(320, 180), render_path=tmp_path / "frames")
    env.reset(seed=1)
    first = env.render()
    for _ in range(6):
        env.step({AGENT: 0})
    last = env.render()
    env.reset(seed=1)
    again = env.render()
    env.close()
    assert first is not None
    assert last is not None
    assert again is not None
    assert first.shape == (180, 320, 3)
    assert first.dtype == np.uint8
    # The image is not uniform, changes as the cart moves, and is the first one again after the reset.
    assert len(np.unique(first.reshape(-1, 3), axis=0)) > 100
    assert np.mean(first != last) > 0.01
    assert np.array_equal(first, again)
    assert sorted(path.name for path in (tmp_path / "frames").iterdir()) == ["0.png", "1.png", "2.png"]


# -- The README --------------------------------------------------------------------------------------------------------


def test_readme_table_of_observations_is_the_live_space(env: GodotParallelEnv) -> None:
    space = env.observation_space(AGENT)
    assert isinstance(space, gymnasium.spaces.Box)
    rows = table_rows(README, "| Num | Observation | Min | Max | Unit |")
    assert [int(row[0]) for row in rows] == list(range(space.shape[0]))
    assert [float(row[2]) for row in rows] == space.low.tolist()
    assert [float(row[3]) for row in rows] == space.high.tolist()
    assert all(row[4] for row in rows)


def test_readme_table_of_the_state_is_the_live_space(env: GodotParallelEnv) -> None:
    rows = table_rows(README, "| Num | State |")
    assert [float(row[2]) for row in rows] == env.state_space.low.tolist()
    assert [float(row[3]) for row in rows] == env.state_space.high.tolist()


def test_readme_table_of_actions_is_the_live_space(env: GodotParallelEnv) -> None:
    space = env.action_space(AGENT)
    assert isinstance(space, gymnasium.spaces.Discrete)
    assert [int(row[0]) for row in table_rows(README, "| Num | Action |")] == list(range(int(space.n)))

"""Scenes as a VecEnv of stable-baselines3, against the Gymnasium form, counts by hand, and its algorithms."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import (
    VecFrameStack,
    VecMonitor,
    VecNormalize,
    VecTransposeImage,
    VecVideoRecorder,
)

import godot_marl
from godot_marl import errors, sb3
from godot_marl.assets.install import prepare_example

pytestmark = pytest.mark.godot

Make = Callable[..., sb3.GodotVecEnv]
# Sheep that end one by one, that leave, and that are born, in episodes of six steps.
SCHEDULE = [[["end", 1]], [["spawn", 0]], [], [["cut", 0]], [], [["end", 2]]]


@pytest.fixture
def vec(scenes: Path) -> Iterator[Make]:
    """Make a VecEnv of a test scene, or of an example's; it is closed when the test ends."""
    made: list[sb3.GodotVecEnv] = []

    def make_one(scene: str, **options: Any) -> sb3.GodotVecEnv:
        env = sb3.vec_env(*place(scenes, scene), **place_options(scene), **options)
        made.append(env)
        return env

    yield make_one
    for env in made:
        env.close()


def place(scenes: Path, scene: str) -> tuple[Path]:
    return (prepare_example("cartpole") if scene in ("cartpole", "several_carts") else scenes,)


def place_options(scene: str) -> dict[str, str]:
    return {"scene": f"{scene}.tscn"}


def step_until_done(env: sb3.GodotVecEnv) -> None:
    """Step at random until a row is done."""
    env.action_space.seed(1)
    while not env.step(np.array([env.action_space.sample() for _ in range(env.num_envs)]))[2].any():
        pass


def echo_scene(scenes: Path, name: str) -> str:
    """A scene whose agent observes its action, of the space of this name; see echo.gd."""
    scene = (scenes / "echo.tscn").read_text().partition('[node name="Float32"')[0]
    (scenes / f"echo_{name}.tscn").write_text(
        f'{scene}[node name="{name}" type="Node" parent="."]\nscript = ExtResource("2")\n'
    )
    return f"echo_{name}"


# -- Step by step beside vector_env ------------------------------------------------------------------------------------


@dataclass
class Recorded:
    """A run of the Gymnasium form."""

    slots: int
    first: Any
    infos: dict[str, Any]
    actions: list[Any]
    steps: list[Any]


def record(scenes: Path, scene: str, steps: int, seed: int, reset_options: dict[str, Any], **options: Any) -> Recorded:
    env = godot_marl.vector_env(*place(scenes, scene), **place_options(scene), mask_in_observation=False, **options)
    env.action_space.seed(seed)
    first, infos = env.reset(seed=seed, options=reset_options)
    actions = [env.action_space.sample() for _ in range(steps)]
    recorded = Recorded(env.batch.slots, first.copy(), infos, actions, [env.step(action) for action in actions])
    env.close()
    return recorded


CASES: dict[str, tuple[str, int, dict[str, Any], dict[str, Any]]] = {
    "one agent": ("chooser", 40, {}, {"copies": 3, "processes": 2}),
    "rigid bodies, cut off": ("cartpole", 90, {}, {"copies": 2, "max_episode_steps": 25}),
    "carts that end apart": ("several_carts", 120, {}, {"copies": 2, "dead_rows": "pad"}),
    "births and deaths": ("herd", 40, {"schedule": SCHEDULE}, {"copies": 2, "dead_rows": "pad"}),
    "masked births": ("herd_masked", 40, {"schedule": SCHEDULE}, {"copies": 2, "processes": 2, "dead_rows": "pad"}),
    "cut off while some are gone": (
        "herd",
        40,
        {"schedule": [[], [["end", 0]]]},
        {"copies": 2, "dead_rows": "pad", "max_episode_steps": 5},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_equals_the_gymnasium_form_step_by_step(case: str, vec: Make, scenes: Path) -> None:
    scene, steps, reset_options, options = CASES[case]
    plain = {name: value for name, value in options.items() if name != "dead_rows"}
    recorded = record(scenes, scene, steps, 7, reset_options, **plain)
    env = vec(scene, **options)
    assert env.seed(7) == [7 + row // recorded.slots for row in range(env.num_envs)]
    env.set_options(reset_options)
    observations = env.reset()
    # The agents that are alive are those that are active in the next step.
    alive = [step[4]["active"] for step in recorded.steps]
    assert np.array_equal(observations[alive[0]], recorded.first[alive[0]])
    assert not observations[~alive[0]].any()
    for row, info in enumerate(env.reset_infos):
        assert info.get("seed", -1) == recorded.infos["seed"][row]
        assert ("active" in info) == (not alive[0][row])
    returns, lengths = np.zeros(env.num_envs), np.zeros(env.num_envs, int)
    episodes = fillings = 0
    for t in range(steps - 1):
        expected, rewards, terminations, truncations, infos = recorded.steps[t]
        got, got_rewards, dones, got_infos = env.step(recorded.actions[t])
        assert (got_rewards.dtype, dones.dtype, len(got_infos)) == (np.float32, bool, env.num_envs)
        assert np.array_equal(got_rewards, rewards.astype(np.float32))
        assert np.array_equal(got[alive[t + 1]], expected[alive[t + 1]])
        assert not got[~alive[t + 1]].any()
        if "action_mask" in infos:
            masks = np.where(alive[t + 1][:, None], infos["action_mask"], 1)
            assert np.array_equal(get_action_masks(env), masks)
            assert np.array_equal([info["action_mask"] for info in got_infos], masks)
        begun = infos.get("_seed", np.zeros(env.num_envs, bool)).reshape(-1, recorded.slots).any(axis=1)
        begun = np.repeat(begun, recorded.slots)
        ended = terminations | truncations
        filled = ~alive[t] & ~ended
        fillings += filled.sum()
        assert np.array_equal(dones, ended | (filled & (alive[t + 1] | begun)))
        returns += rewards
        lengths += alive[t]
        for row in range(env.num_envs):
            info = got_infos[row]
            assert info.get("active", True) == alive[t][row]
            assert ("terminal_observation" in info) == ("TimeLimit.truncated" in info) == dones[row]
            assert ("episode" in info) == ended[row]
            if ended[row]:
                episodes += 1
                assert np.array_equal(info["terminal_observation"], infos["final_obs"][row])
                assert info["TimeLimit.truncated"] == (truncations[row] and not terminations[row])
                assert (info["episode"]["r"], info["episode"]["l"]) == (pytest.approx(returns[row]), lengths[row])
                assert info["episode"]["t"] >= 0
                returns[row] = lengths[row] = 0
            elif dones[row]:
                assert info["TimeLimit.truncated"] is False
                assert not info["terminal_observation"].any()
            if infos.get("_seed", np.zeros(env.num_envs))[row]:
                assert env.reset_infos[row]["seed"] == infos["seed"][row]
    assert episodes > 3 * env.num_envs / 2
    assert (fillings > 0) == ("dead_rows" in options)


def test_infos_and_statistics_counted_by_hand(vec: Make) -> None:
    env = vec("chooser", copies=3)
    env.seed(0)
    env.reset()
    counted = 0
    for _ in range(30):
        lengths = [info["length"] for info in env.reset_infos]
        assert [info["at"] for info in env.reset_infos] == [0, 0, 0]
        _, _, dones, infos = env.step(np.zeros(3, int))
        for row, info in enumerate(infos):
            if dones[row]:
                counted += 1
                length = lengths[row]
                assert info["at"] == length
                assert info["terminal_observation"].tolist() == [2 * length % 3, length]
                assert info["TimeLimit.truncated"] is False
                assert info["episode"]["r"] == pytest.approx(0.1 * length * (length + 1) / 2)
                assert info["episode"]["l"] == length
            else:
                assert set(info) == {"action_mask", "disobeyed", "at", "length"}
    assert counted > 8


def test_the_same_seed_plays_the_same_and_later_resets_go_on(vec: Make) -> None:
    env = vec("chooser", copies=2)
    runs = []
    for _ in range(2):
        env.seed(np.int64(5))
        env.reset()
        seeds = [info["seed"] for info in env.reset_infos]
        env.reset()
        runs.append([*seeds, *(info["seed"] for info in env.reset_infos)])
    assert runs[0] == runs[1]
    assert runs[0][:2] == [5, 6]
    assert len(set(runs[0])) == 4
    assert all(isinstance(seed, int) for seed in env.seed())
    for seed in (-1, True, 2**63):
        with pytest.raises(errors.InvalidOptionError) as error:
            env.seed(seed)
        assert error.value.where == "seed(seed=...)"


def test_each_arena_has_its_own_options(vec: Make) -> None:
    env = vec("herd", copies=2, dead_rows="pad")
    ends = {"schedule": [[["end", 0], ["end", 1]]]}
    env.set_options([ends] * 5 + [{}] * 5)
    env.reset()
    for _ in range(3):
        _, _, dones, _ = env.step(np.zeros(10, int))
        assert dones.tolist() == [True] * 5 + [False] * 5
    env.set_options([ends] * 4 + [{}] * 6)
    with pytest.raises(errors.InvalidOptionError, match="The agents of one arena") as error:
        env.reset()
    assert error.value.remedy


def test_a_step_runs_while_python_computes(vec: Make) -> None:
    env = vec("chooser", copies=2)
    env.reset()
    env.step_async(np.zeros(2, int))
    with pytest.raises(errors.StepOrderError):
        env.step_async(np.zeros(2, int))
    observations, *_ = env.step_wait()
    assert observations[:, 1].tolist() == [1, 1]
    with pytest.raises(errors.StepOrderError):
        env.step_wait()
    env.step_async(np.zeros(2, int))
    assert env.reset()[:, 1].tolist() == [0, 0]
    assert env.step(np.zeros(2, int))[0][:, 1].tolist() == [1, 1]


# -- What cannot be had ------------------------------------------------------------------------------------------------


def test_agents_that_end_apart_are_an_error_that_helps(vec: Make) -> None:
    env = vec("herd_masked", copies=2, max_episode_steps=4, mask_in_observation=True)
    with pytest.raises(errors.SceneError) as error:
        env.reset()
    assert error.value.where == "agent sheep_2 of arena 0"
    env = vec("several_carts", copies=2)
    env.seed(1)
    env.reset()
    with pytest.raises(errors.SceneError) as error:
        step_until_done(env)
    assert "cart_" in str(error.value.where)
    assert "cart_" in str(error.value.got)
    assert 'dead_rows="pad"' in str(error.value.remedy)
    env.reset()
    assert not env.step(np.zeros(8, int))[2].any()


def test_a_bridge_with_settle_frames_is_an_error(vec: Make) -> None:
    with pytest.raises(errors.SceneError, match="settle_frames") as error:
        vec("sensor_settled")
    assert "vector_env" in str(error.value.remedy)


def test_an_unknown_value_of_dead_rows_is_an_error(vec: Make) -> None:
    with pytest.raises(errors.InvalidOptionError, match="dead_rows"):
        vec("chooser", dead_rows="skip")


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stable_baselines3.common.vec_env", None)
    for module in ("godot_marl.sb3", "godot_marl.sb3.vec_env"):
        monkeypatch.delitem(sys.modules, module)
    with pytest.raises(errors.MissingDependencyError) as error:
        importlib.import_module("godot_marl.sb3")
    assert error.value.remedy == "pip install godot-marl[sb3]"


# -- What stable-baselines3 calls on each environment ------------------------------------------------------------------


def test_attributes_and_methods_of_rows(vec: Make) -> None:
    env = vec("several_carts", copies=2)
    assert env.get_attr("agent", [1, 4]) == ["cart_1", "cart_0"]
    assert env.get_attr("arena") == [0] * 4 + [1] * 4
    assert env.get_attr("render_mode", 0) == [None]
    env.set_attr("level", 3, indices=[0, 1])
    assert env.get_attr("level", [0, 1]) == [3, 3]
    assert not env.has_attr("level")
    assert not is_masking_supported(env)
    with pytest.raises(AttributeError):
        env.env_method("action_masks")
    assert env.env_is_wrapped(Monitor) == [True] * 8
    assert env.env_is_wrapped(VecMonitor, indices=0) == [True]
    assert env.env_is_wrapped(VecNormalize, indices=0) == [False]
    assert env.get_images() == [None, None]
    env.close()
    env.close()
    with pytest.raises(errors.ClosedEnvironmentError):
        env.reset()


def test_masks_before_the_first_reset(vec: Make) -> None:
    env = vec("chooser")
    assert is_masking_supported(env)
    with pytest.raises(errors.ResetNeededError):
        env.env_method("action_masks")


def test_masks_in_the_observations_of_filled_rows_allow_everything(vec: Make) -> None:
    env = vec("herd_masked", dead_rows="pad", mask_in_observation=True)
    env.set_options({"schedule": [[["end", 1]], [], [["end", 0]]]})
    free = [1, 1]
    assert env.reset()["action_mask"].tolist() == [free, [1, 0], free, free, free]
    observations, _, dones, infos = env.step(np.zeros(5, int))
    assert observations["action_mask"].tolist() == [free] * 5
    assert observations["observation"][1].tolist() == [0, 0]
    assert dones.tolist() == [False, True, False, False, False]
    assert infos[1]["terminal_observation"]["action_mask"].tolist() == [1, 0]
    env.step(np.zeros(5, int))
    _, _, dones, infos = env.step(np.zeros(5, int))
    assert dones.all()
    assert [row for row, info in enumerate(infos) if "episode" in info] == [0]


def test_images_of_each_arena_and_a_video(vec: Make, tmp_path: Path) -> None:
    env = vec("cartpole", copies=2, render_mode="rgb_array", render_size=(64, 48))
    env.reset()
    assert [image.shape for image in env.get_images()] == [(48, 64, 3)] * 2
    assert env.env_method("render", indices=1)[0].shape == (48, 64, 3)
    picture = env.render()
    assert picture is not None
    assert picture.shape == (96, 64, 3)
    video = VecVideoRecorder(env, str(tmp_path), lambda step: step == 0, video_length=5)
    video.reset()
    for _ in range(6):
        video.step(np.zeros(2, int))
    assert video.frames_per_sec == pytest.approx(env.batch.scene.physics_fps / env.batch.scene.step_length)
    assert len(list(tmp_path.glob("*.mp4"))) == 1


# -- Algorithms and wrappers -------------------------------------------------------------------------------------------


def test_ppo_learns_saves_loads_and_is_evaluated(vec: Make, tmp_path: Path) -> None:
    env = vec("cartpole", copies=2, max_episode_steps=30)
    model = PPO("MlpPolicy", env, n_steps=128, seed=3, device="cpu")
    model.learn(512)
    assert model.ep_info_buffer
    assert all(info["r"] == info["l"] for info in model.ep_info_buffer)
    model.save(tmp_path / "model")
    loaded = PPO.load(tmp_path / "model", env, device="cpu")
    loaded.learn(256, reset_num_timesteps=False)
    returns, lengths = evaluate_policy(loaded, env, n_eval_episodes=6, return_episode_rewards=True)
    assert returns == lengths
    assert len(returns) == 6


@pytest.mark.parametrize("algorithm", [PPO, DQN])
def test_a_training_with_a_seed_is_the_same_again(algorithm: Any, vec: Make) -> None:
    parameters = []
    settings = {"n_steps": 32} if algorithm is PPO else {"learning_starts": 50}
    for _ in range(2):
        model = algorithm("MlpPolicy", vec("chooser", copies=4), seed=11, device="cpu", **settings)
        model.learn(256)
        parameters.append([value.detach().numpy().copy() for value in model.policy.parameters()])
    assert all(np.array_equal(one, other) for one, other in zip(*parameters, strict=True))


def test_filled_rows_train_and_are_no_episodes(vec: Make) -> None:
    env = vec("several_carts", dead_rows="pad")
    model = PPO("MlpPolicy", env, n_steps=128, seed=3, device="cpu")
    model.learn(1024)
    assert len(model.ep_info_buffer) > 4
    assert all(info["r"] == info["l"] > 1 for info in model.ep_info_buffer)
    returns, lengths = evaluate_policy(model, env, n_eval_episodes=8, return_episode_rewards=True)
    assert returns == lengths


def test_no_advantage_leaks_into_the_next_episode(vec: Make) -> None:
    env = vec("herd", dead_rows="pad")
    env.set_options({"schedule": [[["end", 0]], [], [["end", 1]]]})
    env.reset()
    dones = [env.step(np.zeros(5, int))[2].tolist() for _ in range(6)]
    # The last three are never there; all are cut where the arena is reset.
    assert dones == [[True] + [False] * 4, [False] * 5, [True] * 5] * 2


def test_maskable_ppo_obeys_the_masks(vec: Make) -> None:
    env = vec("chooser", copies=4)
    model = MaskablePPO("MlpPolicy", env, n_steps=64, seed=3, device="cpu")
    disobeyed: list[bool] = []

    def watch(local: dict[str, Any], _: dict[str, Any]) -> bool:
        disobeyed.extend(info["disobeyed"] for info in local["infos"])
        return True

    model.learn(768, callback=watch)
    assert len(disobeyed) == 768
    assert not any(disobeyed)


def test_maskable_ppo_with_filled_rows(vec: Make) -> None:
    env = vec("herd_masked", copies=2, dead_rows="pad")
    env.set_options({"schedule": SCHEDULE})
    model = MaskablePPO("MlpPolicy", env, n_steps=32, seed=3, device="cpu").learn(384)
    assert {info["l"] for info in model.ep_info_buffer} <= set(range(1, 7))


def test_vec_normalize_and_frame_stack(vec: Make) -> None:
    env = VecFrameStack(VecNormalize(vec("cartpole", copies=2, max_episode_steps=20)), 3)
    PPO("MlpPolicy", env, n_steps=64, seed=3, device="cpu").learn(256)
    plain = vec("chooser")
    stacked = VecFrameStack(plain, 2)
    stacked.reset()
    length = plain.reset_infos[0]["length"]
    observations, _, dones, infos = [stacked.step(np.zeros(1, int)) for _ in range(length)][-1]
    assert dones.all()
    assert infos[0]["terminal_observation"][[1, 3]].tolist() == [length - 1, length]
    assert observations[0, :2].tolist() == [0, 0]


def test_vec_normalize_remembers_the_true_rewards_in_statistics(vec: Make) -> None:
    env = vec("chooser")
    normalized = VecNormalize(env)
    normalized.reset()
    length = env.reset_infos[0]["length"]
    infos = [normalized.step(np.zeros(1, int))[3][0] for _ in range(length)]
    assert infos[-1]["episode"]["r"] == pytest.approx(0.1 * length * (length + 1) / 2)


def test_vec_monitor_writes_the_same(vec: Make, tmp_path: Path) -> None:
    plain = vec("chooser", copies=2)
    # It counts once more what the infos have already, and says so.
    with pytest.warns(UserWarning, match="statistics will be"):
        env = VecMonitor(plain, str(tmp_path / "log"))
    env.reset()
    lengths = [info["length"] for info in plain.reset_infos]
    infos = [env.step(np.zeros(2, int))[3] for _ in range(max(lengths))]
    for row, length in enumerate(lengths):
        episode = infos[length - 1][row]["episode"]
        assert (episode["r"], episode["l"]) == (pytest.approx(0.1 * length * (length + 1) / 2), length)
    env.close()
    lines = (tmp_path / "log.monitor.csv").read_text().splitlines()
    assert len(lines) == 2 + sum("episode" in info for step in infos for info in step)


def test_images_are_transposed(vec: Make, scenes: Path) -> None:
    env = VecTransposeImage(vec(echo_scene(scenes, "Image"), copies=2, max_episode_steps=2))
    env.action_space.seed(1)
    assert env.reset().shape == (2, 3, 84, 84)
    actions = [np.stack([env.action_space.sample() for _ in range(2)]) for _ in range(2)]
    assert np.array_equal(env.step(actions[0])[0], actions[0].transpose(0, 3, 1, 2))
    observations, _, dones, infos = env.step(actions[1])
    assert dones.all()
    assert not observations.any()
    for row, info in enumerate(infos):
        assert info["TimeLimit.truncated"]
        assert np.array_equal(info["terminal_observation"], actions[1][row].transpose(2, 0, 1))


@pytest.mark.parametrize("name", ["MultiBinary", "MultiDiscrete", "Discrete"])
def test_ppo_with_other_spaces(name: str, vec: Make, scenes: Path) -> None:
    env = vec(echo_scene(scenes, name), copies=2, max_episode_steps=5)
    model = PPO("MlpPolicy", env, n_steps=16, batch_size=32, seed=3, device="cpu").learn(64)
    assert [info["l"] for info in model.ep_info_buffer] == [5] * 12

"""The vector environment as Gymnasium wants it, its errors, its bodies, and its processes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.wrappers.vector import RecordEpisodeStatistics
from packaging.version import Version
from processes import MARK, again_and_again, leaves_nothing, marked, new_mark

import godot_marl
from godot_marl import errors
from godot_marl.assets.install import prepare_example
from godot_marl.parallel import GodotParallelEnv
from godot_marl.vector import GodotVectorEnv

pytestmark = pytest.mark.godot

MakeEnv = Callable[..., GodotParallelEnv]
MakeVector = Callable[..., GodotVectorEnv]


@pytest.fixture
def vector(scenes: Path) -> Iterator[MakeVector]:
    """Make a vector environment of a test scene; it is closed when the test ends."""
    made: list[GodotVectorEnv] = []

    def make_one(scene: str, **options: Any) -> GodotVectorEnv:
        env = godot_marl.vector_env(scenes, scene=f"{scene}.tscn", **options)
        made.append(env)
        return env

    yield make_one
    for env in made:
        env.close()


# -- As Gymnasium has it -----------------------------------------------------------------------------------------------


def test_spaces_types_and_metadata(vector: MakeVector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROWS", "mask 2")
    env = vector("rows", copies=2)
    assert isinstance(env, VectorEnv)
    assert env.num_envs == 4
    assert env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    assert env.metadata["render_fps"] == 60
    assert env.single_action_space == spaces.Discrete(3)
    assert env.action_space == spaces.MultiDiscrete([3] * 4)
    assert isinstance(env.single_observation_space, spaces.Dict)
    observations, infos = env.reset(seed=1)
    assert env.observation_space.contains(observations)
    assert infos["_seed"].tolist() == [True] * 4
    assert infos["seed"].tolist() == [1, 1, 2, 2]
    observations, rewards, terminations, truncations, infos = env.step(env.action_space.sample())
    assert env.observation_space.contains(observations)
    assert [part.dtype for part in (rewards, terminations, truncations)] == [np.float64, bool, bool]
    assert infos["action_mask"].dtype == np.int8
    for name in infos:
        if not name.startswith("_"):
            assert (infos[f"_{name}"].dtype, infos[f"_{name}"].shape) == (bool, (4,))
    assert env.render() is None


def arrays_of(value: Any) -> list[np.ndarray[Any, Any]]:
    if isinstance(value, dict):
        return [array for member in value.values() for array in arrays_of(member)]
    if isinstance(value, (tuple, list)):
        return [array for member in value for array in arrays_of(member)]
    return [value] if isinstance(value, np.ndarray) else []


@pytest.mark.parametrize("processes", [1, 2])
def test_returned_arrays_are_writable_and_nothing_changes_them_later(
    vector: MakeVector, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    monkeypatch.setenv("ROWS", "dict 2")
    env = vector("rows", copies=2, processes=processes)
    env.action_space.seed(1)
    kept: list[tuple[np.ndarray[Any, Any], bytes]] = []
    arrays = arrays_of(env.reset(seed=1))
    for _ in range(20):
        for array in arrays:
            assert array.flags.writeable
            kept.append((array, array.tobytes() if array.dtype != object else b""))
        arrays = arrays_of(env.step(env.action_space.sample()))
    for array, old in kept:
        assert array.dtype == object or array.tobytes() == old


def test_writing_into_returned_arrays_changes_no_later_result(
    vector: MakeVector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROWS", "mask 2")
    brought = []
    for writes in (False, True):
        env = vector("rows", copies=2)
        env.action_space.seed(1)
        answer: Any = env.reset(seed=1)
        for _ in range(15):
            brought.append(str(answer))
            for array in arrays_of(answer) if writes else ():
                if array.dtype != object:
                    array[...] = 1
            answer = env.step(env.action_space.sample())
    assert brought[:15] == brought[15:]


def test_without_copy_the_observations_are_one_array(vector: MakeVector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROWS", "plain 2")
    envs = [vector("rows", copies=2, copy=copy) for copy in (False, True)]
    (reused, _), (fresh, _) = (env.reset(seed=1) for env in envs)
    for _ in range(25):
        np.testing.assert_array_equal(reused, fresh)
        actions = np.full(4, 2)
        again, *_, infos = envs[0].step(actions)
        fresh, *_, expected = envs[1].step(actions)
        assert again is reused
        assert str(infos) == str(expected)


def test_statistics_of_episodes_are_recorded(vector: MakeVector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROWS", "together 1")
    plain = vector("rows", copies=3)
    env = RecordEpisodeStatistics(plain)
    env.reset(seed=1)
    total = np.zeros(3)
    for _ in range(5):
        _, rewards, *_, infos = env.step(np.full(3, 2))
        total += rewards
    assert infos["episode"]["l"].tolist() == [5, 5, 5]
    np.testing.assert_allclose(infos["episode"]["r"], total)
    for _ in range(5):
        infos = env.step(np.full(3, 2))[4]
    assert env.episode_count == 6
    # Up to Gymnasium 1.3 this wrapper takes every environment for one that resets in the next step.
    if Version(gymnasium.__version__) >= Version("1.4"):
        assert infos["episode"]["l"].tolist() == [5, 5, 5]


def test_a_step_in_two_halves(vector: MakeVector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROWS", "plain 1")
    env = vector("rows", copies=2)
    env.reset(seed=1)
    env.step_async(np.array([1, 1]))
    for call in (lambda: env.step_async(np.array([1, 1])), env.reset):
        with pytest.raises(errors.StepOrderError, match="step_wait"):
            call()
    assert env.step_wait()[4]["active"].all()
    with pytest.raises(errors.StepOrderError, match="step_async"):
        env.step_wait()
    env.step_async(np.array([1, 1]))
    env.close()


def test_calls_out_of_order(vector: MakeVector) -> None:
    env = vector("walker")
    with pytest.raises(errors.ResetNeededError):
        env.step(np.array([1]))
    env.reset(seed=1)
    env.close()
    for call in (env.reset, lambda: env.step(np.array([1])), env.step_wait):
        with pytest.raises(errors.ClosedEnvironmentError):
            call()
    env.close()


# -- Errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("actions", "words"),
    [
        (np.array([0, 1, 2, 3]), ["agent rower_1 of arena 1", "row 3", "Discrete(3)", "3"]),
        (np.array([0, -1, 2, 0]), ["agent rower_1 of arena 0", "row 1"]),
        (np.array([0, 1, 2]), ["(4,)", "(3,)"]),
        (np.array([[0], [1], [2], [2]]), ["(4,)", "(4, 1)"]),
        (np.array([0.0, 1.0, 2.0, 2.0]), ["float64"]),
        (None, ["NoneType"]),
        ([0, 1, 2, "x"], ["list"]),
    ],
    ids=str,
)
def test_wrong_actions_reach_no_agent_and_the_episode_goes_on(
    vector: MakeVector, monkeypatch: pytest.MonkeyPatch, actions: Any, words: list[str]
) -> None:
    monkeypatch.setenv("ROWS", "together 2")
    env = vector("rows", copies=2)
    env.reset(seed=1)
    with pytest.raises(errors.InvalidActionError) as raised:
        env.step(actions)
    assert all(word in str(raised.value) for word in words), str(raised.value)
    assert env.step([0, 1, 2, 0])[0][:, 1].tolist() == [1, 1, 1, 1]


def test_actions_of_finished_agents_have_no_effect(vector: MakeVector, monkeypatch: pytest.MonkeyPatch) -> None:
    env = vector("herd", copies=2)
    env.reset(seed=1, options={"schedule": []})
    env.step(np.array([0, 1, 99, -5, 2**40] * 2))


@pytest.mark.parametrize(
    ("scene", "options", "kind", "words"),
    [
        ("turns", {}, errors.SceneError, "take turns"),
        ("team", {}, errors.SceneError, "do not share one policy"),
        ("settled_too_long", {}, errors.SceneError, "settle_frames"),
        ("uncopied", {"copies": 2}, errors.InvalidOptionError, "cannot make that many arenas"),
        ("uncopied", {"exact_reset": True}, errors.InvalidOptionError, "cannot reset exactly"),
        ("walker", {"human_agents": ["walker_0"]}, errors.InvalidOptionError, "human_agents"),
        ("walker", {"copies": 0}, errors.InvalidOptionError, "copies"),
        ("walker", {"copies": True}, errors.InvalidOptionError, "copies"),
        ("walker", {"processes": 0}, errors.InvalidOptionError, "processes"),
        ("walker", {"processes": 2, "port": 9876}, errors.InvalidOptionError, "port"),
        ("walker", {"layout": "stacked"}, errors.InvalidOptionError, "'separate' or 'shared'"),
        ("walker", {"copies": 2, "layout": "shared"}, errors.InvalidOptionError, "get_arena_size"),
        ("walker", {"copy_": 2}, errors.InvalidOptionError, "no option of this name"),
    ],
    ids=str,
)
def test_an_unsupported_scene_is_an_error_and_leaves_no_process(
    vector: MakeVector,
    monkeypatch: pytest.MonkeyPatch,
    scene: str,
    options: dict[str, Any],
    kind: type[errors.GodotMarlError],
    words: str,
) -> None:
    monkeypatch.setenv("ROWS", "plain 2")
    mark = new_mark()
    monkeypatch.setenv(MARK, mark)
    with pytest.raises(kind) as raised:
        vector(scene, **options)
    assert words in str(raised.value)
    assert leaves_nothing(mark)


@pytest.mark.parametrize("seed", [-1, 2**63 - 1, [1], [1, 2, 3], [1, "2"], 1.5, True], ids=str)
def test_a_wrong_seed_is_refused_and_nothing_changes(vector: MakeVector, seed: Any) -> None:
    env = vector("walker", copies=2)
    env.reset(seed=1)
    with pytest.raises(errors.InvalidOptionError):
        env.reset(seed=seed)
    env.step(np.array([1, 1]))
    assert env.reset(seed=[5, 7])[1]["seed"].tolist() == [5, 7]


@pytest.mark.parametrize("when", ["before a step", "in a step", "before a reset"])
def test_one_of_two_games_that_is_killed_ends_both(
    vector: MakeVector, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    monkeypatch.setenv("ROWS", "plain 1")
    mark = new_mark()
    monkeypatch.setenv(MARK, mark)
    env = vector("rows", copies=2, processes=2, step_timeout=20.0)
    actions = np.ones(4, int)
    first, _ = env.reset(seed=3)
    env.step(actions)
    games = marked(mark)["game"]
    assert len(games) == 2

    def step_in_halves() -> None:
        env.step_wait()
        env.step_async(actions)

    calls: dict[str, Callable[[], object]] = {
        "before a step": lambda: env.step(actions),
        "in a step": step_in_halves,
        "before a reset": lambda: env.reset(seed=3),
    }
    if when == "in a step":
        env.step_async(actions)
    os.kill(games[1], signal.SIGKILL)
    begin = time.monotonic()
    with pytest.raises(errors.GameExitedError) as raised:
        again_and_again(calls[when])
    assert time.monotonic() - begin < 20.0
    assert raised.value.exit_status == -signal.SIGKILL
    assert leaves_nothing(mark)
    with pytest.raises(errors.ResetNeededError):
        env.step(actions)
    np.testing.assert_array_equal(env.reset(seed=3)[0], first)
    env.step(actions)


def test_an_option_that_cannot_be_sent_is_an_error_and_the_next_reset_works(vector: MakeVector) -> None:
    env = vector("walker", copies=2)
    env.reset(seed=1)
    with pytest.raises(errors.InvalidOptionError):
        env.reset(options={"speed": object()})
    with pytest.raises(errors.ResetNeededError):
        env.step(np.array([1, 1]))
    env.reset(seed=1)
    env.reset(seed=1)
    env.step(np.array([1, 1]))


# -- Bodies ------------------------------------------------------------------------------------------------------------

FALL = 40


def fall_alone(env: GodotParallelEnv, actions: list[int]) -> list[bytes]:
    seen = [env.reset(seed=1)[0]["ball_0"].tobytes()]
    seen += [env.step({"ball_0": action})[0]["ball_0"].tobytes() for action in actions]
    return seen


def actions_of_fall() -> list[int]:
    return np.random.default_rng(1).integers(0, 3, FALL).tolist()


def test_an_exact_reset_makes_each_episode_the_same_bit_by_bit(
    make: MakeEnv, vector: MakeVector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROOM", "0")
    actions = actions_of_fall()
    alone = make("balls", exact_reset=True)
    episodes = [fall_alone(alone, actions) for _ in range(3)]
    assert episodes[0] == episodes[1] == episodes[2]
    assert len(set(episodes[0])) == FALL + 1
    env = vector("balls", exact_reset=True, copies=2, max_episode_steps=FALL)
    observations, _ = env.reset(seed=1)
    for _ in range(3):
        seen = [observations]
        for action in actions:
            observations, *_, infos = env.step(np.full(2, action))
            seen.append(observations)
        seen[-1] = np.stack(infos["final_obs"])
        for row in range(2):
            assert [part[row].tobytes() for part in seen] == episodes[0]


@pytest.mark.parametrize("example", ["cartpole", "soccer"])
def test_exact_resets_of_the_examples_are_the_same_in_every_form(example: str) -> None:
    game, steps = prepare_example(example), 30
    alone = godot_marl.parallel_env(game, exact_reset=True)
    env = godot_marl.vector_env(game, exact_reset=True, copies=2)
    try:
        alone.reset(seed=5)
        agents = len(alone.possible_agents)
        space = alone.action_space(alone.possible_agents[0])
        space.seed(1)
        actions = [[space.sample() for _ in range(agents)] for _ in range(steps)]
        episodes = []
        for _ in range(2):
            first, _ = alone.reset(seed=5)
            seen = [np.stack(list(first.values()))]
            for action in actions:
                if len(alone.agents) < agents:
                    break
                observations, *_ = alone.step(dict(zip(alone.agents, action, strict=True)))
                seen.append(np.stack(list(observations.values())))
            episodes.append(b"".join(part.tobytes() for part in seen))
        assert episodes[0] == episodes[1]
        # After an episode of another kind the same again, in two arenas at once.
        for seed in (9, [5, 5]):
            observations, _ = env.reset(seed=seed)
            both = [[observations[:agents]], [observations[agents:]]]
            for action in actions[: len(seen) - 1]:
                observations, *_, infos = env.step(np.array(action * 2))
                if "final_obs" in infos and seed != 9:
                    observations = np.stack(list(infos["final_obs"]))
                both[0].append(observations[:agents])
                both[1].append(observations[agents:])
        for row in both:
            assert b"".join(part.tobytes() for part in row) == episodes[0]
    finally:
        alone.close()
        env.close()


def falls_side_by_side(env: GodotVectorEnv, actions: list[int]) -> np.ndarray[Any, Any]:
    seen = [env.reset(seed=1)[0]]
    seen += [env.step(np.full(env.num_envs, action))[0] for action in actions]
    return np.array(seen)


def test_arenas_side_by_side_in_one_world_do_not_touch(vector: MakeVector, monkeypatch: pytest.MonkeyPatch) -> None:
    # Before the balls leave the floor, and as long as coarser numbers far from the origin do not show.
    actions = actions_of_fall()[:20]
    monkeypatch.setenv("ROOM", "64")
    apart = falls_side_by_side(vector("balls", copies=5), actions)
    shared = falls_side_by_side(vector("balls", copies=5, layout="shared"), actions)
    np.testing.assert_allclose(shared, apart, atol=1e-3)
    assert not np.array_equal(shared[0], shared[-1])
    monkeypatch.setenv("ROOM", "0.25")
    meeting = falls_side_by_side(vector("balls", copies=5, layout="shared"), actions)
    assert np.abs(meeting - apart).max() > 0.1


def test_an_option_that_the_scene_rejects_is_an_error_and_the_next_reset_works(
    vector: MakeVector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROWS", "plain 1")
    env = vector("rows", copies=2)
    with pytest.raises(errors.InvalidOptionError, match="pace"):
        env.reset(options={"pace": 2.0})
    env.reset(options={"speed": 2.0})
    env.step(np.array([1, 1]))


def test_one_arena_needs_no_room_of_its_own(vector: MakeVector) -> None:
    env = vector("walker", layout="shared")
    assert env.reset(seed=1)[0].tolist() == [[0.0]]

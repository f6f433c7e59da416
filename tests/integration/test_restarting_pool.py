"""Workers that end or hang are restarted, and the rows of the others do not change."""

from __future__ import annotations

import logging
import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from processes import again_and_again, becomes_true, leaves_nothing, marked, signal_all
from replay import SEED, Replay, Step

import godot_marl
from godot_marl import errors
from godot_marl.envs import cartpole_v0
from godot_marl.parallel import GodotParallelEnv
from godot_marl.sb3 import vec_env
from godot_marl.vector import GodotVectorEnv, restarting_pool
from godot_marl.vector.batch_layout import map_batch

pytestmark = pytest.mark.usefixtures("mark")

MakeEnv = Callable[..., GodotParallelEnv]
MakeVector = Callable[..., GodotVectorEnv]
COPIES, PROCESSES = 3, 2
# Longer than a busy machine takes for a step, and what each hung worker costs.
STEP_TIMEOUT = 3.0


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers may be lost again soon after they were replaced."""
    monkeypatch.setattr(restarting_pool, "MAX_FAILED_STARTS", 1000)
    monkeypatch.setattr(restarting_pool, "FIRST_DELAY", 0.0)
    monkeypatch.setattr(restarting_pool, "RESTART_BURST", 1000)


@pytest.fixture
def vector(scenes: Path, mark: str) -> Iterator[MakeVector]:
    """Make a vector environment with `restart_workers=True`; when it is closed, no process is left."""
    made: list[GodotVectorEnv] = []

    def make_one(scene: str, **options: Any) -> GodotVectorEnv:
        options = {"restart_workers": True, "step_timeout": STEP_TIMEOUT, **options}
        env = godot_marl.vector_env(scenes, scene=f"{scene}.tscn", **options)
        made.append(env)
        return env

    yield make_one
    for env in made:
        env.close()
    assert leaves_nothing(mark)


def games_of(env: Any) -> list[int]:
    """The process of each worker's game."""
    return [worker._process.pid for worker in env.batch._pool._workers]


def kill(mark: str, *games: int) -> None:
    """Kill games, and wait until they are dead."""
    signal_all(list(games), signal.SIGKILL)
    assert becomes_true(lambda: not set(games) & set(marked(mark).get("game", ())))


# -- Rows --------------------------------------------------------------------------------------------------------------


@dataclass
class Blow:
    """What happens to a worker: before a step, or in the middle of it."""

    step: int
    worker: int
    number: int = signal.SIGKILL
    in_step: bool = False


@dataclass
class Run:
    """The results of a vector environment whose workers are lost."""

    env: GodotVectorEnv
    mark: str
    actions: list[Any] = field(default_factory=list)
    answers: list[Step] = field(default_factory=list)
    losses: list[tuple[int, int]] = field(default_factory=list)

    def play(self, options: dict[str, Any] | None, steps: int, choose: Callable[[int], list[Blow]]) -> None:
        """Play at random, and write into all that is returned, as users may."""
        self.env.action_space.seed(7)
        nothing = np.zeros(self.env.num_envs)
        observations, infos = self.env.reset(seed=SEED, options=options)
        self.keep(None, (observations, nothing, nothing.astype(bool), nothing.astype(bool), infos))
        for step in range(1, steps + 1):
            action = self.env.action_space.sample()
            blows = choose(step)
            self.strike([blow for blow in blows if not blow.in_step])
            self.env.step_async(action)
            self.strike([blow for blow in blows if blow.in_step])
            answer = self.env.step_wait()
            restarted = answer[4].get("worker_restarted", np.zeros(self.env.num_envs, bool))
            by_worker = restarted.reshape(PROCESSES, -1).any(axis=1)
            self.losses += [(step, int(worker)) for worker in np.flatnonzero(by_worker)]
            self.keep(action, answer)

    def keep(self, action: Any, answer: Step) -> None:
        self.actions.append(action)
        self.answers.append((map_batch(np.copy, answer[0]), *answer[1:]))
        map_batch(lambda array: array.fill(1), answer[0])

    def strike(self, blows: list[Blow]) -> None:
        games = games_of(self.env)
        for blow in blows:
            if blow.number == signal.SIGKILL and not blow.in_step:
                kill(self.mark, games[blow.worker])
            else:
                signal_all([games[blow.worker]], blow.number)

    def compare(self, alone: GodotParallelEnv, options: dict[str, Any] | None) -> None:
        """Each arena must be what it is alone, cut off where its worker was lost."""
        is_next_step = self.env.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
        for arena in range(COPIES * PROCESSES):
            replay = Replay(alone, arena, self.answers, options, is_next_step=is_next_step)
            replay.run(self.actions)
            assert replay.losses == sum(worker == arena // COPIES for _, worker in self.losses)
        for observations, *_ in self.answers:
            assert self.env.observation_space.contains(observations)


def in_time(blows: list[Blow], losses: list[tuple[int, int]]) -> bool:
    """Whether each blow was reported once: in its step, or, where the answer had been sent before, in the next one."""
    told = [(blow, step) for blow, (step, worker) in zip(blows, losses, strict=True) if blow.worker == worker]
    return len(told) == len(blows) and all(step - blow.step in (0, int(blow.in_step)) for blow, step in told)


HERD = {"schedule": [[["end", 1]], [["spawn", 0]], [], [["cut", 0]], [], [["end", 2]]]}
CASES: dict[str, tuple[str, str, dict[str, Any] | None, dict[str, Any]]] = {
    "plain": ("rows", "plain 3", {"speed": 5.0}, {}),
    "masks, reused arrays": ("rows", "mask 2", None, {"copy": False}),
    "masks beside": ("rows", "mask 1", None, {"mask_in_observation": False}),
    "nested, cut off": ("rows", "dict 2", None, {"max_episode_steps": 4}),
    "reset in the next step": ("rows_settled", "mask 2", {"speed": 5.0}, {"max_episode_steps": 4}),
    "births and ends": ("herd_masked", "", HERD, {}),
}


@pytest.mark.godot
@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("case", CASES)
def test_rows_of_a_lost_worker_are_truncated_and_all_others_equal_the_arenas_alone(
    vector: MakeVector, make: MakeEnv, monkeypatch: pytest.MonkeyPatch, mark: str, case: str
) -> None:
    scene, rows, reset_options, options = CASES[case]
    monkeypatch.setenv("ROWS", rows)
    run = Run(vector(scene, copies=COPIES, processes=PROCESSES, **options), mark)
    blows = [Blow(6, 0), Blow(14, 1, in_step=True), Blow(22, 0), Blow(22, 1), Blow(24, 1)]
    run.play(reset_options, 32, lambda step: [blow for blow in blows if blow.step == step])
    assert in_time(blows, run.losses)
    run.env.close()
    alone = {name: value for name, value in options.items() if name != "copy"}
    run.compare(make(scene, **alone), reset_options)


@pytest.mark.godot
@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("scene", ["rows", "rows_settled"])
def test_a_hanging_worker_is_restarted_and_the_answer_of_the_other_is_not_lost(
    vector: MakeVector, make: MakeEnv, monkeypatch: pytest.MonkeyPatch, mark: str, scene: str
) -> None:
    monkeypatch.setenv("ROWS", "plain 2")
    run = Run(vector(scene, copies=COPIES, processes=PROCESSES), mark)
    # The first worker is waited for first, so that the second one's answer is read after the deadline.
    blows = [Blow(5, 0, signal.SIGSTOP)]
    run.play(None, 12, lambda step: [blow for blow in blows if blow.step == step])
    assert in_time(blows, run.losses)
    run.env.close()
    run.compare(make(scene), None)


class Fate:
    """Strikes workers at random, none of them again before its loss was reported."""

    def __init__(self, run: Run, seed: int, chance: float) -> None:
        self.run = run
        self.blows: list[Blow] = []
        self._rng = random.Random(seed)  # noqa: S311 - no secret
        self._chance = chance

    def choose(self, step: int) -> list[Blow]:
        blows = []
        for worker in range(PROCESSES):
            waits = sum(blow.worker == worker for blow in self.blows) > sum(w == worker for _, w in self.run.losses)
            if waits or self._rng.random() > self._chance:
                continue
            number = self._rng.choice([signal.SIGKILL] * 7 + [signal.SIGSTOP])
            blows.append(Blow(step, worker, number, in_step=self._rng.random() < 0.5))
        self.blows += blows
        return blows


@pytest.mark.godot
@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    ("scene", "kind", "seed", "steps"),
    [
        ("rows", "plain 2", 1, 80),
        *(
            pytest.param(*case, 300, marks=[pytest.mark.nightly, pytest.mark.timeout(600)])
            for case in (("rows", "mask 2", 2), ("rows_settled", "plain 2", 3), ("rows_growing", "growing 2", 4))
        ),
    ],
)
def test_rows_match_a_plain_model_for_random_losses_of_workers(
    vector: MakeVector,
    make: MakeEnv,
    monkeypatch: pytest.MonkeyPatch,
    mark: str,
    scene: str,
    kind: str,
    seed: int,
    steps: int,
) -> None:
    monkeypatch.setenv("ROWS", kind)
    run = Run(vector(scene, copies=COPIES, processes=PROCESSES), mark)
    fate = Fate(run, seed, chance=0.04)
    run.play(None, steps, fate.choose)
    assert len(run.losses) >= steps // 30
    # A blow in the last step may not have been reported.
    assert len(fate.blows) - len(run.losses) <= sum(blow.step == steps for blow in fate.blows)
    run.env.close()
    run.compare(make(scene), None)


# -- Resets, images, the end -------------------------------------------------------------------------------------------


@pytest.mark.godot
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_worker_that_is_lost_in_a_reset_is_restarted(
    vector: MakeVector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    monkeypatch.setenv("ROWS", "plain 2")
    env = vector("rows", copies=2, processes=2)
    first, infos = env.reset(seed=3)
    before = games_of(env)
    signal_all(before[:1], number)
    with caplog.at_level(logging.WARNING, "godot_marl"):
        again, infos_again = env.reset(seed=3)
    after = games_of(env)
    assert (after[0] != before[0], after[1]) == (True, before[1])
    np.testing.assert_array_equal(again, first)
    assert infos_again["seed"].tolist() == infos["seed"].tolist()
    (record,) = caplog.records
    assert record.message.startswith("worker 0 was lost and is replaced (restart 1): The game ")
    assert "worker_restarted" not in env.step(np.ones(8, int))[4]


@pytest.mark.godot
@pytest.mark.parametrize("call", ["begin_step", "begin_reset", "answer"])
def test_a_worker_with_a_broken_connection_is_restarted(
    vector: MakeVector, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    env = vector("walker", processes=2)
    env.reset(seed=1)
    games = games_of(env)
    worker = env.batch._pool._workers[1]

    def fail(*_: object) -> None:
        raise errors.ProtocolError("It sent nonsense.") if call == "answer" else BrokenPipeError

    monkeypatch.setattr(*((worker._session, "receive") if call == "answer" else (worker._connection, "send")), fail)
    if call == "begin_reset":
        env.reset(seed=1)
    else:
        *_, truncations, infos = env.step(np.ones(2, int))
        assert truncations.tolist() == infos["worker_restarted"].tolist() == [False, True]
    assert games_of(env)[0] == games[0]
    assert games_of(env)[1] != games[1]
    assert not env.step(np.ones(2, int))[3].any()


@pytest.mark.godot
def test_a_restarted_worker_stays_on_the_processor_of_the_old_one(vector: MakeVector, mark: str) -> None:
    env = vector("walker", copies=2, processes=2)
    env.reset(seed=1)
    games = games_of(env)
    affinities = [os.sched_getaffinity(game) for game in games]
    kill(mark, games[1])
    env.step(np.ones(4, int))
    assert [os.sched_getaffinity(game) for game in games_of(env)] == affinities


@pytest.mark.godot
def test_a_worker_that_is_lost_in_render_renders_its_new_game_and_the_next_step_reports_it(
    vector: MakeVector, mark: str
) -> None:
    env = vector("walker", processes=2, render_mode="rgb_array", render_size=(64, 48), step_timeout=30.0)
    env.reset(seed=1)
    env.step(np.ones(2, int))
    kill(mark, games_of(env)[1])
    frames = env.render()
    assert frames is not None
    assert [frame.shape for frame in frames] == [(48, 64, 3)] * 2
    *_, truncations, infos = env.step(np.ones(2, int))
    assert truncations.tolist() == infos["worker_restarted"].tolist() == [False, True]
    *_, truncations, infos = env.step(np.ones(2, int))
    assert not truncations.any()
    assert "worker_restarted" not in infos


@pytest.mark.godot
def test_close_in_a_step_whose_worker_was_killed(vector: MakeVector, mark: str) -> None:
    env = vector("walker", processes=2)
    env.reset(seed=1)
    kill(mark, games_of(env)[0])
    env.step(np.ones(2, int))
    env.step_async(np.ones(2, int))
    kill(mark, games_of(env)[1])
    env.close()
    assert leaves_nothing(mark)


@pytest.mark.godot
def test_without_the_option_a_killed_worker_is_an_error_in_render_too(vector: MakeVector, mark: str) -> None:
    env = vector("walker", processes=2, render_mode="rgb_array", step_timeout=30.0, restart_workers=False)
    env.reset(seed=1)
    kill(mark, games_of(env)[1])
    with pytest.raises(errors.GameExitedError) as raised:
        env.render()
    assert (raised.value.where or "").startswith("worker 1, ")
    assert leaves_nothing(mark)
    with pytest.raises(errors.ResetNeededError):
        env.step(np.ones(2, int))
    env.reset(seed=1)


# -- Giving up ---------------------------------------------------------------------------------------------------------


@pytest.mark.godot
def test_a_game_that_always_ends_at_once_is_given_up(
    vector: MakeVector, scenes: Path, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    monkeypatch.setattr(restarting_pool, "FIRST_DELAY", 0.01)
    env = vector("answering", processes=2)
    env.reset(seed=1)
    for _ in range(20):
        env.step(np.zeros(2, int))
    monkeypatch.setenv("FAULT", "apply_action=quit")
    # The first one ends by our hand; from then on the games do so themselves.
    kill(mark, games_of(env)[1])
    with pytest.raises(errors.WorkerRestartError) as raised:
        again_and_again(lambda: env.step(np.zeros(2, int)))
    error = raised.value
    assert str(error) == (
        "A worker was lost repeatedly and is not restarted again.\n"
        f"  where: arena 1 of worker 1, {scenes} (res://answering.tscn)\n"
        "  expected: a process that lasts for 10 steps, and for 100 of all its arenas\n"
        "  got: 3 in a row that did not (3 restarts in all); the last fault: The game ended while Python was waiting "
        "for a reply. exit status 3; it printed nothing\n"
        "  what to do: Read what it printed, and check that the machine has enough memory; without restart_workers the "
        "first fault is raised as it is. reset() starts new processes."
    )
    assert (error.worker, error.restarts, error.exit_status) == (1, 3, 3)
    assert error.output.startswith("Godot Engine")
    assert isinstance(error.__cause__, errors.GameExitedError)
    assert leaves_nothing(mark)
    with pytest.raises(errors.ResetNeededError):
        env.step(np.zeros(2, int))
    monkeypatch.delenv("FAULT")
    env.reset(seed=1)
    env.step(np.zeros(2, int))


@pytest.mark.godot
def test_games_that_always_end_in_their_reset_are_given_up(
    vector: MakeVector, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    monkeypatch.setattr(restarting_pool, "FIRST_DELAY", 0.01)
    monkeypatch.setattr(restarting_pool, "MAX_FAILED_STARTS", 1)
    monkeypatch.setenv("FAULT", "get_observation=crash at once")
    env = vector("answering", processes=2)
    with pytest.raises(errors.WorkerRestartError, match="1 in a row that did not") as raised:
        env.reset(seed=1)
    assert raised.value.exit_status == -signal.SIGABRT
    assert "(res://answering.gd:" in raised.value.output
    assert leaves_nothing(mark)


@pytest.mark.godot
def test_a_worker_that_is_closed_because_another_one_is_given_up_is_not_restarted(
    vector: MakeVector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    env = vector("answering", processes=2)
    env.reset(seed=1)
    monkeypatch.setenv("FAULT", "get_observation=crash at once")
    stop = threading.Event()
    stop.set()
    pool = env.batch._pool
    pool._workers[1].close()
    fault = errors.GameExitedError("The game ended.", where="", expected="", got="", remedy="")
    with pytest.raises(errors.GameExitedError, match="SIGABRT"):
        pool._replace(1, fault, {1: env.batch.reset_part(1)}, stop)
    assert len(caplog.records) == 1


@pytest.mark.godot
def test_an_error_of_the_scene_is_no_loss_of_the_worker(
    vector: MakeVector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FAULT", "get_reward")
    env = vector("failing")
    env.reset(seed=1)
    with pytest.raises(errors.ScriptError):
        env.step(np.zeros(1, int))
    monkeypatch.setenv("ROWS", "faulty 1")
    wrong = vector("rows")
    nan = {"agent": "Rower", "method": "get_reward", "answer": "nan"}
    wrong.reset(seed=1, options={"faults": [nan]})
    with pytest.raises(errors.InvalidObservationError):
        again_and_again(lambda: wrong.step(np.ones(1, int)))
    assert not caplog.records


@pytest.mark.godot
def test_a_new_game_must_have_the_agents_of_the_first_one(
    vector: MakeVector, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    monkeypatch.setenv("ROWS", "plain 1")
    env = vector("rows", processes=2)
    env.reset(seed=1)
    monkeypatch.setenv("ROWS", "plain 2")
    kill(mark, games_of(env)[0])
    with pytest.raises(errors.SceneError, match="different agents") as raised:
        env.step(np.ones(2, int))
    assert (raised.value.expected, raised.value.got) == ("rower_0", "rower_0, rower_1")
    assert leaves_nothing(mark)


# -- stable-baselines3 -------------------------------------------------------------------------------------------------


@pytest.mark.godot
def test_stable_baselines3_gets_a_loss_in_its_own_info_keys(scenes: Path, mark: str) -> None:
    env = vec_env(
        scenes, scene="herd.tscn", copies=1, processes=2, dead_rows="pad", restart_workers=True, step_timeout=30.0
    )
    try:
        env.set_options({"schedule": [[["end", 0]]]})
        env.seed(1)
        seen = env.reset()
        slots = env.batch.slots
        returns = np.zeros(env.num_envs)
        for _ in range(3):
            seen, rewards, _, _ = env.step(np.zeros(env.num_envs, int))
            returns += rewards
        seen = seen.copy()
        alive = env.batch.alive.copy()
        assert alive.reshape(2, -1).sum(axis=1).tolist() == [1, 1]
        kill(mark, games_of(env)[1])
        _, rewards, dones, infos = env.step(np.zeros(env.num_envs, int))
        assert [info.get("worker_restarted", False) for info in infos] == [False] * slots + [True] * slots
        lost, other = int(np.flatnonzero(alive)[1]), int(np.flatnonzero(alive)[0])
        assert rewards[lost] == 0.0
        assert rewards[other] > 0.0
        assert not dones[:slots].any()
        info = infos[lost]
        assert info["TimeLimit.truncated"] is True
        np.testing.assert_array_equal(info["terminal_observation"], seen[lost])
        assert (info["episode"]["r"], info["episode"]["l"]) == (returns[lost], 4)
        # Filled rows end too where an episode begins, as after any other end.
        assert dones[slots:].tolist() == [True] * slots
        assert not any("episode" in infos[row] for row in range(slots, 2 * slots) if row != lost)
        assert [info["seed"] for info in env.reset_infos[slots : slots + 2]] == [env.reset_infos[slots]["seed"]] * 2
        assert env.reset_infos[slots]["seed"] != 2
        *_, infos = env.step(np.zeros(env.num_envs, int))
        assert not any("worker_restarted" in info for info in infos)
    finally:
        env.close()
    assert leaves_nothing(mark)


@pytest.mark.godot
def test_the_examples_take_the_option(mark: str) -> None:
    env = cartpole_v0.vector_env(copies=2, restart_workers=True)
    try:
        env.reset(seed=1)
        kill(mark, *games_of(env))
        _, rewards, terminations, truncations, infos = env.step(np.ones(2, int))
        assert (rewards.tolist(), terminations.tolist(), truncations.tolist()) == ([0, 0], [False] * 2, [True] * 2)
        assert infos["worker_restarted"].tolist() == [True] * 2
    finally:
        env.close()
    assert leaves_nothing(mark)

"""Trainings of several games, briefly, on the real engine."""

from __future__ import annotations

import contextlib
import logging
import signal
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from processes import MARK, becomes_true, leaves_nothing, marked, new_mark, signal_all

from godot_marl.core.arena import Arena
from godot_marl.core.episode import StepResult
from godot_marl.options import Options
from godot_marl.training import Progress, RunDirectory, Trainer, TrainingConfig
from godot_marl.training.arena_pool import Arenas, seed_of
from godot_marl.training.rollout import PolicyLearner

pytestmark = pytest.mark.godot

STEPS, N_STEPS, LIMIT = 240, 60, 9
PPO = {"n_steps": N_STEPS, "n_epochs": 1, "batch_size": 30}
# Two agents that see their place, their steps and their frames, and earn the place times the frames.
ROWS = "plain 2"


@dataclass
class Log:
    """What a training did: the calls to its games, and the decisions it learned from."""

    calls: list[tuple[str, int]] = field(default_factory=list)
    cut_off: list[tuple[int, str]] = field(default_factory=list)
    decisions: Counter[int] = field(default_factory=Counter)
    rows: list[tuple[bool, np.ndarray[Any, Any], float]] = field(default_factory=list)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    """Writes down what the trainings of a test do."""
    log = Log()
    begin, finish = Arenas.begin_step, Arenas.finish_step
    act, cut_off, update = PolicyLearner.act, PolicyLearner.cut_off, PolicyLearner.update

    def begin_step(arenas: Arenas, number: int, actions: Mapping[str, Any]) -> None:
        log.calls.append(("begin", number))
        begin(arenas, number, actions)

    def finish_step(arenas: Arenas, number: int) -> StepResult | None:
        log.calls.append(("finish", number))
        return finish(arenas, number)

    def act_and_log(learner: PolicyLearner, views: Any) -> list[Any]:
        log.decisions.update(arena for arena, _ in views.agent_keys)
        return act(learner, views)

    def cut_off_and_log(learner: PolicyLearner, agent_key: tuple[int, str], outcome: StepResult) -> None:
        log.cut_off.append(agent_key)
        cut_off(learner, agent_key, outcome)

    def update_and_log(learner: PolicyLearner) -> int:
        count = update(learner)
        buffer: Any = learner.model.rollout_buffer
        log.rows += zip(
            buffer.episode_starts[:, 0] > 0, buffer.observations.reshape(count, -1), buffer.rewards[:, 0], strict=True
        )
        return count

    for owner, name, spy in (
        (Arenas, "begin_step", begin_step),
        (Arenas, "finish_step", finish_step),
        (PolicyLearner, "act", act_and_log),
        (PolicyLearner, "cut_off", cut_off_and_log),
        (PolicyLearner, "update", update_and_log),
    ):
        monkeypatch.setattr(owner, name, spy)
    return log


def games_of(arenas: Arenas) -> list[int]:
    """The process of each arena's game."""
    workers: list[Any] = [arena._worker for arena in arenas._arenas]
    return [worker._process.pid for worker in workers]


def arenas_of(scenes: Path, count: int) -> Arenas:
    """Arenas with the agents of `ROWS`, whose episodes are over after `LIMIT` steps."""

    def make(number: int) -> Arena:
        wishes = {
            "scene": "rows.tscn",
            "seed": seed_of(1, number),
            "mask_in_observation": False,
            "max_episode_steps": LIMIT,
        }
        return Arena(scenes, Options.from_kwargs(wishes), number=number)

    return Arenas(make, count, restarts=True)


@pytest.mark.parametrize("count", [1, 2])
def test_a_training_goes_on_though_a_game_is_killed(
    scenes: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    log: Log,
    count: int,
) -> None:
    mark = new_mark()
    monkeypatch.setenv(MARK, mark)
    torch.set_num_threads(1)
    monkeypatch.setenv("ROWS", ROWS)
    run = RunDirectory.create(
        tmp_path / "run", "rows", None, 0, TrainingConfig(steps=STEPS, max_episode_steps=LIMIT, ppo=PPO)
    )

    arenas = arenas_of(scenes, count)
    killed: list[int] = []

    def kill(progress: Progress) -> None:
        """After the first update, in the middle of episodes."""
        if not killed and progress.steps == N_STEPS:
            games = games_of(arenas)
            killed.append(games[-1])
            signal_all(killed, signal.SIGKILL)
            assert becomes_true(lambda: killed[0] not in marked(mark).get("game", ()))

    try:
        training = Trainer(run, arenas)
        with caplog.at_level(logging.WARNING, "godot_marl"):
            training.train(kill)
        assert killed[0] not in games_of(arenas)
    finally:
        arenas.close()
    assert leaves_nothing(mark)
    assert training.steps == STEPS
    (record,) = caplog.records
    assert record.message.startswith(f"worker {count - 1} was lost and is replaced (restart 1): The game ")
    assert {arena for arena, _ in log.cut_off} == {count - 1}
    # Each game gets its step before the first reply is awaited, and both bring decisions.
    if count == 2:
        rounds = "".join(f"{call[0]}{number}" for call, number in log.calls)
        assert rounds.count("b0b1f0f1") > STEPS // 8
        assert min(log.decisions.values()) > STEPS // 4
    check_streams(log)
    lengths = [int(row["length"]) for row in run.episodes()]
    assert max(lengths) <= LIMIT
    assert sum(lengths) < STEPS


def test_decisions_after_the_last_update_are_learned_from_too(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    torch.set_num_threads(1)
    monkeypatch.setenv("ROWS", ROWS)
    steps = N_STEPS + 25
    run = RunDirectory.create(
        tmp_path / "run", "rows", None, 0, TrainingConfig(steps=steps, max_episode_steps=LIMIT, ppo=PPO)
    )
    reports: list[int] = []
    with contextlib.closing(arenas_of(scenes, 1)) as arenas:
        Trainer(run, arenas).train(lambda progress: reports.append(progress.steps))
    # What the last decision of each agent led to is not known.
    assert sum(log.decisions.values()) - len(log.rows) <= 2
    assert reports == sorted([N_STEPS, steps, *(int(row["steps"]) for row in run.episodes())])


def check_streams(log: Log) -> None:
    """What follows a decision in its stream is what it led to: rows of two games or episodes are never mixed."""
    followed = 0
    for (_, seen, reward), (begins, following, _) in zip(log.rows, log.rows[1:], strict=False):
        if begins:
            continue
        followed += 1
        place, steps, frames = following.tolist()
        assert steps == seen[1] + 1
        assert frames > seen[2]
        assert reward == pytest.approx(place * frames, abs=1e-3)
    assert followed > len(log.rows) // 2

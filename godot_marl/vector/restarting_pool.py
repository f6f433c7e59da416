"""Replaces workers that die or hang: the pool behind `restart_workers=True`."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from godot_marl import errors
from godot_marl.core.concurrency import run_all
from godot_marl.options import Game, Options
from godot_marl.protocol.codec import Reply
from godot_marl.protocol.messages import SceneDescription
from godot_marl.vector.batch_layout import Array
from godot_marl.vector.worker_pool import ResetPart, StepPart, WorkerPool

logger = logging.getLogger(__name__)

# Not an error of the scene (a script, a wrong observation): the next process would repeat it.
FAULTS = (errors.GameExitedError, errors.GameTimeoutError, errors.ProtocolError)
_REPEATED = (errors.ProtocolVersionError,)

# A start failed if the process lasted for fewer steps than this, or fewer steps of all its arenas together.
LEAST_STEPS = 10
LEAST_ARENA_STEPS = 100
# The most failed starts in a row, and the delay before the second one in seconds, which then doubles each time.
MAX_FAILED_STARTS = 3
FIRST_DELAY = 1.0
# A worker that makes progress may be restarted this often at once, and once more for each interval in seconds.
RESTART_BURST = 30
RESTART_INTERVAL = 6.0


class RestartBudget:
    """How often, and how soon, one worker may be restarted.

    Args:
        now: The time, on the clock of `time.monotonic`.

    Attributes:
        restarts: Number of restarts.
        failed_starts: Number of starts in a row that failed.
    """

    def __init__(self, now: float) -> None:
        self.restarts = 0
        self.failed_starts = 0
        self._allowance = float(RESTART_BURST)
        self._counted_at = now

    def delay(self, steps: int, arenas: int, now: float) -> float | None:
        """Count a restart, and return the delay before it in seconds; None if there may be no more restarts.

        Args:
            steps: Number of steps that the lost process lasted for.
            arenas: Number of its arenas.
            now: The time, on the clock of `time.monotonic`.
        """
        if steps >= LEAST_STEPS and steps * arenas >= LEAST_ARENA_STEPS:
            self.failed_starts = 0
        if self.failed_starts >= MAX_FAILED_STARTS:
            return None
        delay = FIRST_DELAY * 2.0 ** (self.failed_starts - 1) if self.failed_starts else 0.0
        self._allowance = min(float(RESTART_BURST), self._allowance + (now - self._counted_at) / RESTART_INTERVAL)
        self._counted_at = now
        delay = max(delay, (1.0 - self._allowance) * RESTART_INTERVAL)
        self._allowance -= 1.0
        self.restarts += 1
        self.failed_starts += 1
        return delay


def delay_before_restart(
    worker: int, fault: errors.GodotMarlError, budget: RestartBudget, steps: int, arenas: int = 1
) -> float:
    """Log the restart of a lost worker, and return the delay before it in seconds.

    Args:
        worker: Index of the worker.
        fault: The reason of the loss, one of `FAULTS`.
        budget: The worker's budget.
        steps: Number of steps that the lost process lasted for.
        arenas: Number of its arenas.

    Raises:
        WorkerRestartError: It was restarted too often.
        ProtocolVersionError: The fault was this one, which the next process would repeat.
    """
    if isinstance(fault, _REPEATED):
        raise fault
    delay = budget.delay(steps, arenas, time.monotonic())
    if delay is None:
        raise _restart_error(worker, fault, budget, arenas) from fault
    after = f" after {delay:.1f} s" if delay > 0 else ""
    arguments = (worker, after, budget.restarts, fault.what, fault.got)
    logger.warning("worker %d was lost and is replaced%s (restart %d): %s (%s)", *arguments)
    return delay


def _restart_error(
    worker: int, fault: errors.GodotMarlError, budget: RestartBudget, arenas: int
) -> errors.WorkerRestartError:
    first = worker * arenas
    which = f"arena {first}" if arenas == 1 else f"arenas {first} to {first + arenas - 1}"
    error = errors.WorkerRestartError(
        "A worker was lost repeatedly and is not restarted again.",
        where=f"{which} of {fault.where}",
        expected=f"a process that lasts for {LEAST_STEPS} steps, and for {LEAST_ARENA_STEPS} of all its arenas",
        got=f"{budget.failed_starts} in a row that did not ({budget.restarts} restarts in all); the last fault: "
        f"{fault.what} {fault.got}",
        remedy="Read what it printed, and check that the machine has enough memory; without restart_workers the first "
        "fault is raised as it is. reset() starts new processes.",
    )
    error.worker, error.restarts = worker, budget.restarts
    if isinstance(fault, errors.GameExitedError):
        error.exit_status, error.output = fault.exit_status, fault.output
    return error


class EpisodeSource(Protocol):
    """Provides what the pool needs to know about the episodes."""

    def reset_part(self, worker: int) -> ResetPart:
        """The seeds and options of the next episodes of a worker's arenas."""

    def lost_reply(self, worker: int, following: Reply | None) -> Reply:
        """Make the reply of a worker that was lost in a step: its episodes are truncated at their last observations.

        Args:
            worker: Index of the worker.
            following: The first observations of its next episodes, if they begin in the same step.
        """


class RestartingPool(WorkerPool):
    """Workers that are replaced when they die or hang, without disturbing the others.

    In the step in which a worker is lost, its episodes are truncated. Its next episodes begin as after any end: within
    the same step, or in the next one if the scene's bridge has `settle_frames`.

    Args:
        game: What to start.
        options: The environments' options.
        episodes: Provides seeds, options and last observations.
        pool_options: The other arguments of `WorkerPool`.
    """

    def __init__(self, game: Game, options: Options, episodes: EpisodeSource, **pool_options: Any) -> None:
        super().__init__(game, options, **pool_options)
        self._episodes = episodes
        self._steps = 0
        self._started_at: list[int] = []
        self._budgets: list[RestartBudget] = []
        self._faults: dict[int, errors.GodotMarlError] = {}
        # The first replies of new workers, until a step returns them.
        self._first_replies: dict[int, Reply] = {}
        self._unreported: set[int] = set()

    def start(self) -> SceneDescription:
        """Start all workers at once; see `WorkerPool.start`. A worker that cannot be started is not retried."""
        self._steps = 0
        self._started_at = [0] * self._count
        self._budgets = [RestartBudget(time.monotonic()) for _ in range(self._count)]
        self._clear()
        return super().start()

    def _clear(self) -> None:
        self._faults.clear()
        self._first_replies.clear()
        self._unreported.clear()

    def reset(self, parts: Sequence[ResetPart]) -> list[Reply]:
        """Reset the arenas of all workers, and replace lost ones.

        Raises:
            WorkerRestartError: A worker was restarted too often.
            GodotMarlError: Another fault, which ends all workers.
        """
        with self._all_or_none:
            self._clear()
            for index, (worker, part) in enumerate(zip(self._workers, parts, strict=True)):
                try:
                    worker.begin_reset(part)
                except FAULTS as fault:
                    self._faults[index] = fault
            replies = self._finish_all()
            self._replace_lost()
            self._unreported.clear()
            return self._complete(replies)

    def begin_step(self, parts: Sequence[StepPart]) -> None:
        """Send each worker its part of a step; raises the same errors as `reset`."""
        with self._all_or_none:
            for index, (worker, part) in enumerate(zip(self._workers, parts, strict=True)):
                if index in self._first_replies:
                    continue
                try:
                    worker.begin_step_rows(*part)
                except FAULTS as fault:
                    self._faults[index] = fault

    def finish_step(self) -> list[Reply]:
        """Wait for all replies, and replace lost workers; raises the same errors as `reset`."""
        with self._all_or_none:
            replies = self._finish_all()
            self._replace_lost()
            self._steps += 1
            self.lost = sorted(self._unreported)
            self._unreported.clear()
            for index in self.lost:
                following = self._first_replies.pop(index) if self._resets_in_same_step else None
                replies[index] = self._episodes.lost_reply(index, following)
            return self._complete(replies)

    def _finish_all(self) -> list[Reply | None]:
        """The replies of all workers; None for those that are lost or got no request."""
        replies: list[Reply | None] = []
        for index, worker in enumerate(self._workers):
            reply = None
            if index not in self._faults and index not in self._first_replies:
                try:
                    reply = worker.finish()
                except FAULTS as fault:
                    self._faults[index] = fault
            replies.append(reply)
        return replies

    def _complete(self, replies: Iterable[Reply | None]) -> list[Reply]:
        return [self._first_replies.pop(index) if reply is None else reply for index, reply in enumerate(replies)]

    @property
    def _resets_in_same_step(self) -> bool:
        return self._scene is not None and self._scene.settle_frames == 0

    def render(self, arenas: Sequence[int]) -> list[Array]:
        """Render these arenas; a worker that is lost meanwhile is replaced, and its new arenas are rendered."""
        with self._all_or_none:
            groups = itertools.groupby(arenas, lambda arena: arena // self._arenas)
            return [frame for index, group in groups for frame in self._frames(index, list(group))]

    def _frames(self, index: int, arenas: Sequence[int]) -> list[Array]:
        while True:
            try:
                return [self._workers[index].render(arena % self._arenas) for arena in arenas]
            except FAULTS as fault:
                self._faults[index] = fault
                self._replace_lost()

    # -- New workers ---------------------------------------------------------------------------------------------------

    def _replace_lost(self) -> None:
        """Replace all lost workers in parallel, and reset the new ones."""
        if not self._faults:
            return
        faults, self._faults = self._faults, {}
        parts = {index: self._episodes.reset_part(index) for index in faults}
        stop = threading.Event()
        calls = [partial(self._replace, index, fault, parts, stop) for index, fault in faults.items()]
        try:
            self._first_replies.update(zip(faults, run_all(calls, "godot-marl restart"), strict=True))
        except BaseException:
            stop.set()
            raise
        self._unreported.update(faults)

    def _replace(
        self, index: int, fault: errors.GodotMarlError, parts: Mapping[int, ResetPart], stop: threading.Event
    ) -> Reply:
        while True:
            steps = self._steps - self._started_at[index]
            delay = delay_before_restart(index, fault, self._budgets[index], steps, self._arenas)
            if delay > 0 and stop.wait(delay):
                raise fault
            # Assign first, so that close() can clean up; after close() this raises IndexError.
            worker = self._workers[index] = self._new_worker(index)
            self._started_at[index] = self._steps
            try:
                self._validate_scene(worker.start())
                return worker.reset(parts[index])
            except FAULTS as next_fault:
                if stop.is_set():
                    # close() ended it, because another worker failed.
                    raise
                fault = next_fault

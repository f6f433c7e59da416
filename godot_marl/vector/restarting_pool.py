"""Workers that are replaced when they die or hang: the pool behind `restart_workers=True`."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from godot_marl import errors
from godot_marl.codec import Reply
from godot_marl.options import Game, Options
from godot_marl.pool import ResetPart, StepPart, WorkerPool
from godot_marl.protocol import SceneDescription
from godot_marl.rows import Array
from godot_marl.together import together

logger = logging.getLogger(__name__)

# An error of the scene (a script's, a wrong observation) is not among them: the next game would only repeat it.
FAULTS = (errors.GameExitedError, errors.GameTimeoutError, errors.ProtocolError)
_REPEATED = (errors.ProtocolVersionError,)

# A game that lasted for less than this was started in vain: so many steps, and so many of all its arenas together.
LEAST_STEPS = 10
LEAST_ARENA_STEPS = 100
# So often in a row is a worker replaced in vain; the second time after this wait, which doubles each time.
MOST_IN_VAIN = 3
FIRST_WAIT = 1.0
# A worker that makes progress is replaced so often at once, and one time more for each of these seconds.
BURST = 30
SECONDS_EACH = 6.0


class RestartLimit:
    """How often, and how soon, one worker may be replaced.

    Args:
        now: The time, on the clock of `time.monotonic`.

    Attributes:
        restarts: How often it was.
        in_vain: How often in a row with a game that did not last.
    """

    def __init__(self, now: float) -> None:
        self.restarts = 0
        self.in_vain = 0
        self._allowance = float(BURST)
        self._counted_at = now

    def ask(self, steps: int, arenas: int, now: float) -> float | None:
        """For how many seconds to wait before the worker is replaced; None if it should not be any more.

        Args:
            steps: How many steps its last game lasted for.
            arenas: How many arenas it has.
            now: The time.
        """
        if steps >= LEAST_STEPS and steps * arenas >= LEAST_ARENA_STEPS:
            self.in_vain = 0
        if self.in_vain >= MOST_IN_VAIN:
            return None
        wait = FIRST_WAIT * 2.0 ** (self.in_vain - 1) if self.in_vain else 0.0
        self._allowance = min(float(BURST), self._allowance + (now - self._counted_at) / SECONDS_EACH)
        self._counted_at = now
        wait = max(wait, (1.0 - self._allowance) * SECONDS_EACH)
        self._allowance -= 1.0
        self.restarts += 1
        self.in_vain += 1
        return wait


def ask_to_replace(
    worker: int, fault: errors.GodotMarlError, limit: RestartLimit, steps: int, arenas: int = 1
) -> float:
    """For how many seconds to wait before a lost worker is replaced; the log says so.

    Args:
        worker: Its number.
        fault: By what it was lost, one of `FAULTS`.
        limit: How often it may be replaced.
        steps: How many steps its last game lasted for.
        arenas: How many arenas it has.

    Raises:
        WorkerRestartError: It was replaced too often.
        ProtocolVersionError: That was the fault, which the next game would only repeat.
    """
    if isinstance(fault, _REPEATED):
        raise fault
    wait = limit.ask(steps, arenas, time.monotonic())
    if wait is None:
        raise _restart_error(worker, fault, limit, arenas) from fault
    after = f" after {wait:.1f} s" if wait > 0 else ""
    words = (worker, after, limit.restarts, fault.what, fault.got)
    logger.warning("worker %d was lost and is replaced%s (restart %d): %s (%s)", *words)
    return wait


def _restart_error(
    worker: int, fault: errors.GodotMarlError, limit: RestartLimit, arenas: int
) -> errors.WorkerRestartError:
    first = worker * arenas
    which = f"arena {first}" if arenas == 1 else f"arenas {first} to {first + arenas - 1}"
    error = errors.WorkerRestartError(
        "A worker was lost again and again; it is not replaced any more.",
        where=f"{which} of {fault.where}",
        expected=f"a game that lasts for {LEAST_STEPS} steps, and for {LEAST_ARENA_STEPS} of all its arenas",
        got=f"{limit.in_vain} in a row that did not ({limit.restarts} restarts in all); the last fault: "
        f"{fault.what} {fault.got}",
        remedy="See what it printed, and whether the machine has enough memory; without restart_workers the first "
        "fault is raised as it is. reset() starts the games again.",
    )
    error.worker, error.restarts = worker, limit.restarts
    if isinstance(fault, errors.GameExitedError):
        error.exit_status, error.output = fault.exit_status, fault.output
    return error


class Book(Protocol):
    """What the pool must know of the episodes."""

    def reset_part(self, worker: int) -> ResetPart:
        """The seeds and options of the next episodes of a worker's arenas."""

    def lost_reply(self, worker: int, following: Reply | None) -> Reply:
        """The reply of a worker that was lost in a step: its episodes are cut off where they were.

        Args:
            worker: Which one.
            following: How its next episodes begin, if that belongs to the same step.
        """


class RestartingPool(WorkerPool):
    """Workers of which each is replaced when it dies or hangs; the others are not disturbed by it.

    The step in which a worker is lost brings a reply that cuts its episodes off. The next ones begin as those of other
    arenas that are over: within the same step, or in the next one in a scene whose bridge has `settle_frames`.

    Args:
        game: What to start.
        options: The environments' options.
        book: Knows the episodes.
        kinds: The other arguments of `WorkerPool`.
    """

    def __init__(self, game: Game, options: Options, book: Book, **kinds: Any) -> None:
        super().__init__(game, options, **kinds)
        self._book = book
        self._steps = 0
        self._started_at: list[int] = []
        self._limits: list[RestartLimit] = []
        self._faults: dict[int, errors.GodotMarlError] = {}
        # How the episodes of a new game begin, until a step tells it.
        self._kept: dict[int, Reply] = {}
        self._untold: set[int] = set()

    def start(self) -> SceneDescription:
        """Start all workers at once; see `WorkerPool.start`. A game that cannot be started is not tried again."""
        self._steps = 0
        self._started_at = [0] * self._count
        self._limits = [RestartLimit(time.monotonic()) for _ in range(self._count)]
        self._forget()
        return super().start()

    def _forget(self) -> None:
        self._faults.clear()
        self._kept.clear()
        self._untold.clear()

    def reset(self, parts: Sequence[ResetPart]) -> list[Reply]:
        """Reset the arenas of all workers, those of new workers too.

        Raises:
            WorkerRestartError: A worker was replaced too often.
            GodotMarlError: What is no loss of a worker; none is left then.
        """
        with self._all_or_none:
            self._forget()
            for index, (worker, part) in enumerate(zip(self._workers, parts, strict=True)):
                try:
                    worker.begin_reset(part)
                except FAULTS as fault:
                    self._faults[index] = fault
            replies = self._finish_all()
            self._replace_lost()
            self._untold.clear()
            return self._complete(replies)

    def begin_step(self, parts: Sequence[StepPart]) -> None:
        """Ask each worker for its part of a step; raises what `reset` does."""
        with self._all_or_none:
            for index, (worker, part) in enumerate(zip(self._workers, parts, strict=True)):
                if index in self._kept:
                    continue
                try:
                    worker.begin_step_rows(*part)
                except FAULTS as fault:
                    self._faults[index] = fault

    def finish_step(self) -> list[Reply]:
        """Wait for all answers, and replace workers that have none; raises what `reset` does."""
        with self._all_or_none:
            replies = self._finish_all()
            self._replace_lost()
            self._steps += 1
            self.lost = sorted(self._untold)
            self._untold.clear()
            for index in self.lost:
                following = self._kept.pop(index) if self._resets_in_same_step else None
                replies[index] = self._book.lost_reply(index, following)
            return self._complete(replies)

    def _finish_all(self) -> list[Reply | None]:
        """The answers of all workers; None of those that are lost or were not asked."""
        replies: list[Reply | None] = []
        for index, worker in enumerate(self._workers):
            reply = None
            if index not in self._faults and index not in self._kept:
                try:
                    reply = worker.finish()
                except FAULTS as fault:
                    self._faults[index] = fault
            replies.append(reply)
        return replies

    def _complete(self, replies: Iterable[Reply | None]) -> list[Reply]:
        return [self._kept.pop(index) if reply is None else reply for index, reply in enumerate(replies)]

    @property
    def _resets_in_same_step(self) -> bool:
        return self._scene is not None and self._scene.settle_frames == 0

    def render(self, arenas: Sequence[int]) -> list[Array]:
        """A frame of each of these arenas; of a worker that is lost by it, those of its new game."""
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
        """Start and reset a new worker in the place of each that is lost, all at once."""
        if not self._faults:
            return
        faults, self._faults = self._faults, {}
        parts = {index: self._book.reset_part(index) for index in faults}
        stop = threading.Event()
        calls = [partial(self._replace, index, fault, parts, stop) for index, fault in faults.items()]
        try:
            self._kept.update(zip(faults, together(calls, "godot-marl restart"), strict=True))
        except BaseException:
            stop.set()
            raise
        self._untold.update(faults)

    def _replace(
        self, index: int, fault: errors.GodotMarlError, parts: Mapping[int, ResetPart], stop: threading.Event
    ) -> Reply:
        while True:
            steps = self._steps - self._started_at[index]
            wait = ask_to_replace(index, fault, self._limits[index], steps, self._arenas)
            if wait > 0 and stop.wait(wait):
                raise fault
            # Where `close` finds it, whatever happens; if that was before, there is no such place any more.
            worker = self._workers[index] = self._new_worker(index)
            self._started_at[index] = self._steps
            try:
                self._check_scene(worker.start())
                return worker.reset(parts[index])
            except FAULTS as again:
                if stop.is_set():
                    # It was closed, since another one is given up.
                    raise
                fault = again

"""Several workers: started together, asked together."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from godot_marl import errors
from godot_marl.codec import Reply
from godot_marl.cpus import choose_cpus
from godot_marl.endings import EXIT_PATIENCE
from godot_marl.launcher import plan
from godot_marl.options import Game, Options
from godot_marl.protocol import SceneDescription
from godot_marl.rows import Array
from godot_marl.together import together
from godot_marl.worker import Worker

ResetPart = Mapping[int, tuple[int, Mapping[str, Any]]]
"""What a worker needs for a reset: for each of its arenas the seed and the options."""

StepPart = tuple[dict[str, Array], Array, Array, Array]
"""What a worker needs for a step: the arguments of `Worker.begin_step_rows`."""


class WorkerPool:
    """Workers that each host as many arenas of one scene.

    A fault of one of them ends all: `start` makes new ones.

    Args:
        game: What to start.
        options: The environments' options.
        arenas: How many arenas each worker has.
        workers: How many workers there are.
        layout: "separate" or "shared", see `Worker`.
        pin: Whether to keep each worker on one processor.

    Attributes:
        lost: The workers that were lost and replaced in the last step; none here, see `godot_marl.restarts`.

    Raises:
        InvalidOptionError: Several workers cannot be had so.
    """

    def __init__(self, game: Game, options: Options, *, arenas: int, workers: int, layout: str, pin: bool) -> None:
        self._game = game
        self._options = options
        self._arenas = arenas
        self._count = workers
        self.lost: Sequence[int] = ()
        self._layout = layout
        self._pin = pin
        self._all_or_none = _AllOrNone(self)
        self._workers: list[Worker] = []
        self._cpus: list[int | None] = []
        # What all games must be like, those that are started later too.
        self._scene: SceneDescription | None = None
        if workers > 1 and game is None and options.command is None:
            raise _only_one("game", "a game that Python starts", "None", "Give a game, or processes=1.")
        if workers > 1 and options.port:
            raise _only_one("port", "None or 0", str(options.port), "Let the system choose the ports, or processes=1.")

    @property
    def is_running(self) -> bool:
        """True between `start` and `close`."""
        return bool(self._workers)

    def start(self) -> SceneDescription:
        """Start all workers at once, and return what the handshakes said.

        Raises:
            SceneError: Two workers have different agents.
            GodotMarlError: One of them could not be started; the others are not waited for, and none is left then.
        """
        self._cpus = choose_cpus(self._count) if self._pin else [None] * self._count
        launch = plan(self._game, self._options)
        self._workers = [self._new_worker(index) for index in range(self._count)]
        try:
            scenes = together([partial(worker.start, launch) for worker in self._workers], "godot-marl start")
            self._scene = self._scene or scenes[0]
            for scene in scenes:
                self._check_scene(scene)
        except BaseException:
            self.close(patience=0.0)
            raise
        return scenes[0]

    def _new_worker(self, index: int) -> Worker:
        number = None if self._count == 1 else index
        return Worker(self._game, self._options, self._arenas, self._layout, number=number, cpu=self._cpus[index])

    def _check_scene(self, scene: SceneDescription) -> None:
        """Check that a game is like the first one.

        Raises:
            SceneError: It is not.
        """
        assert self._scene is not None
        check_same_scene(self._scene, scene)

    def reset(self, parts: Sequence[ResetPart]) -> list[Reply]:
        """Reset the arenas of all workers, and wait for the answers."""
        with self._all_or_none:
            for worker, part in zip(self._workers, parts, strict=True):
                worker.begin_reset(part)
            return [worker.finish() for worker in self._workers]

    def begin_step(self, parts: Sequence[StepPart]) -> None:
        """Ask each worker for its part of a step, without waiting for answers."""
        with self._all_or_none:
            for worker, part in zip(self._workers, parts, strict=True):
                worker.begin_step_rows(*part)

    def finish_step(self) -> list[Reply]:
        """Wait for the answers of all workers, a slow one included."""
        with self._all_or_none:
            return [worker.finish() for worker in self._workers]

    def render(self, arenas: Sequence[int]) -> list[Array]:
        """A frame of each of these arenas, which are counted through all workers."""
        with self._all_or_none:
            return [self._workers[arena // self._arenas].render(arena % self._arenas) for arena in arenas]

    @property
    def is_inherited(self) -> bool:
        """True in a forked child: the games are the parent's."""
        return bool(self._workers) and self._workers[0].is_inherited

    def close(self, patience: float | None = None) -> None:
        """End all games. Safe to call twice."""
        workers = self._workers
        try:
            if patience is not None:
                # All at once, before one of them is waited for.
                for worker in workers:
                    worker.end()
            for worker in workers:
                worker.close(EXIT_PATIENCE if patience is None else patience)
        finally:
            # Also after Ctrl-C, and those that another thread has put there meanwhile.
            self._workers = []
            for worker in workers:
                worker.end()


class _AllOrNone:
    """What is raised within it ends all games of a pool. A generator would cost a microsecond of each step."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._pool.close(patience=0.0)


def check_same_scene(first: SceneDescription, scene: SceneDescription) -> None:
    """Check that a game is like the first one.

    Raises:
        SceneError: It is not.
    """
    if dataclasses.replace(scene, warnings=()) != dataclasses.replace(first, warnings=()):
        expected, got = (", ".join(agent.name for agent in each.agents) for each in (first, scene))
        if expected == got:
            expected, got = str(first), str(scene)
        raise errors.SceneError(
            "Two processes of the same game have different agents.",
            where="the scene",
            expected=expected,
            got=got,
            remedy="Let the scene make the same agents each time it starts.",
        )


def _only_one(where: str, expected: str, got: str, remedy: str) -> errors.InvalidOptionError:
    return errors.InvalidOptionError(
        "Several processes cannot be had so.", where=where, expected=expected, got=got, remedy=remedy
    )

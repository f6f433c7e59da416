"""Several workers: started together, stepped together."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from godot_marl import errors
from godot_marl.core.concurrency import run_all
from godot_marl.game.addon_version import log_mismatch
from godot_marl.game.launch import prepare_launch
from godot_marl.game.shutdown import EXIT_TIMEOUT
from godot_marl.game.worker import Worker
from godot_marl.options import Game, Options
from godot_marl.protocol.codec import Reply
from godot_marl.protocol.messages import SceneDescription
from godot_marl.vector.batch_layout import Array
from godot_marl.vector.cpu_affinity import choose_cpus

ResetPart = Mapping[int, tuple[int, Mapping[str, Any]]]
"""A worker's part of a reset: the seed and the options of each of its arenas."""

StepPart = tuple[dict[str, Array], Array, Array, Array]
"""A worker's part of a step: the arguments of `Worker.begin_step_rows`."""


class WorkerPool:
    """Workers that each host the same number of arenas of one scene.

    A fault of one worker ends all of them; `start` makes new ones.

    Args:
        game: What to start.
        options: The environments' options.
        arenas: Number of arenas of each worker.
        workers: Number of workers.
        layout: "separate" or "shared", see `Worker`.
        pin: Whether to keep each worker on one CPU.

    Attributes:
        lost: The workers that were lost and replaced in the last step; always empty here, see `restarting_pool`.

    Raises:
        InvalidOptionError: The options do not allow several workers.
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
        # Every worker must match it, also one that is started later.
        self._scene: SceneDescription | None = None
        if workers > 1 and game is None and options.command is None:
            raise _several_workers_error("game", "a game that Python starts", "None", "Give a game, or processes=1.")
        if workers > 1 and options.port:
            raise _several_workers_error(
                "port", "None or 0", str(options.port), "Let the system choose the ports, or processes=1."
            )

    @property
    def is_running(self) -> bool:
        """True between `start` and `close`."""
        return bool(self._workers)

    def start(self) -> SceneDescription:
        """Start all workers at once, and return the scene's description.

        Raises:
            SceneError: Two workers have different agents.
            GodotMarlError: One of them could not be started; the others are ended without waiting.
        """
        self._cpus = choose_cpus(self._count) if self._pin else [None] * self._count
        launch = prepare_launch(self._game, self._options)
        self._workers = [self._new_worker(index) for index in range(self._count)]
        try:
            scenes = run_all([partial(worker.start, launch) for worker in self._workers], "godot-marl start")
            if self._scene is None:
                self._scene = scenes[0]
                log_mismatch(self._scene.addon_version, self._game)
            for scene in scenes:
                self._validate_scene(scene)
        except BaseException:
            self.close(timeout=0.0)
            raise
        return scenes[0]

    def _new_worker(self, index: int) -> Worker:
        number = None if self._count == 1 else index
        return Worker(self._game, self._options, self._arenas, self._layout, number=number, cpu=self._cpus[index])

    def _validate_scene(self, scene: SceneDescription) -> None:
        """Check that a worker's scene equals that of the first worker.

        Raises:
            SceneError: It differs.
        """
        assert self._scene is not None
        validate_same_scene(self._scene, scene)

    def reset(self, parts: Sequence[ResetPart]) -> list[Reply]:
        """Reset the arenas of all workers, and wait for the replies."""
        with self._all_or_none:
            for worker, part in zip(self._workers, parts, strict=True):
                worker.begin_reset(part)
            return [worker.finish() for worker in self._workers]

    def begin_step(self, parts: Sequence[StepPart]) -> None:
        """Send each worker its part of a step, without waiting for replies."""
        with self._all_or_none:
            for worker, part in zip(self._workers, parts, strict=True):
                worker.begin_step_rows(*part)

    def finish_step(self) -> list[Reply]:
        """Wait for the replies of all workers."""
        with self._all_or_none:
            return [worker.finish() for worker in self._workers]

    def render(self, arenas: Sequence[int]) -> list[Array]:
        """Render these arenas, which are numbered through all workers."""
        with self._all_or_none:
            return [self._workers[arena // self._arenas].render(arena % self._arenas) for arena in arenas]

    @property
    def is_inherited(self) -> bool:
        """True in a forked child: the games are the parent's."""
        return bool(self._workers) and self._workers[0].is_inherited

    def close(self, timeout: float | None = None) -> None:
        """End all workers. Safe to call twice."""
        workers = self._workers
        try:
            if timeout is not None:
                # End all before waiting for the first.
                for worker in workers:
                    worker.end()
            for worker in workers:
                worker.close(EXIT_TIMEOUT if timeout is None else timeout)
        finally:
            # Also after Ctrl-C, and for workers that another thread has added meanwhile.
            self._workers = []
            for worker in workers:
                worker.end()


class _AllOrNone:
    """Ends all workers of a pool if an exception leaves the block. A generator would cost 1 us more each step."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._pool.close(timeout=0.0)


def validate_same_scene(first: SceneDescription, scene: SceneDescription) -> None:
    """Check that two processes have the same scene.

    Raises:
        SceneError: They differ.
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


def _several_workers_error(where: str, expected: str, got: str, remedy: str) -> errors.InvalidOptionError:
    return errors.InvalidOptionError(
        "This option does not allow several processes.", where=where, expected=expected, got=got, remedy=remedy
    )

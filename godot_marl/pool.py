"""Several workers: started together, asked together."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from godot_marl import errors
from godot_marl.codec import Reply
from godot_marl.cpus import choose_cpus
from godot_marl.options import Game, Options
from godot_marl.protocol import SceneDescription
from godot_marl.worker import Worker

_Part = TypeVar("_Part")


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

    Raises:
        InvalidOptionError: Several workers cannot be had so.
    """

    def __init__(self, game: Game, options: Options, *, arenas: int, workers: int, layout: str, pin: bool) -> None:
        self._game = game
        self._options = options
        self._arenas = arenas
        self._count = workers
        self._layout = layout
        self._pin = pin
        self._workers: list[Worker] = []
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
            GodotMarlError: One of them could not be started; none is left then.
        """
        cpus = choose_cpus(self._count) if self._pin else [None] * self._count
        workers = [
            Worker(self._game, self._options, self._arenas, self._layout, is_alone=self._count == 1, cpu=cpu)
            for cpu in cpus
        ]
        try:
            with ThreadPoolExecutor(self._count, "godot-marl start") as threads:
                scenes: list[SceneDescription] = list(threads.map(lambda worker: worker.start(), workers))
        except BaseException:
            for worker in workers:
                worker.close(patience=0.0)
            raise
        self._workers = workers
        for scene in scenes[1:]:
            if dataclasses.replace(scene, warnings=()) != dataclasses.replace(scenes[0], warnings=()):
                self.close(patience=0.0)
                raise errors.SceneError(
                    "Two processes of the same game have different agents.",
                    where="the scene",
                    expected=", ".join(agent.name for agent in scenes[0].agents),
                    got=", ".join(agent.name for agent in scene.agents),
                    remedy="Let the scene make the same agents each time it starts.",
                )
        return scenes[0]

    def begin(self, ask: Callable[[Worker, _Part], None], parts: Sequence[_Part]) -> None:
        """Ask each worker for its part, without waiting for answers."""
        try:
            for worker, part in zip(self._workers, parts, strict=True):
                ask(worker, part)
        except BaseException:
            self.close(patience=0.0)
            raise

    def finish(self) -> list[Reply]:
        """Wait for the answers of all workers, a slow one included."""
        try:
            return [worker.finish() for worker in self._workers]
        except BaseException:
            self.close(patience=0.0)
            raise

    @property
    def is_inherited(self) -> bool:
        """True in a forked child: the games are the parent's."""
        return bool(self._workers) and self._workers[0].is_inherited

    def worker(self, index: int) -> Worker:
        """One of the workers."""
        return self._workers[index]

    def close(self, patience: float | None = None) -> None:
        """End all games. Safe to call twice."""
        workers, self._workers = self._workers, []
        for worker in workers:
            if patience is None:
                worker.close()
            else:
                worker.close(patience)


def _only_one(where: str, expected: str, got: str, remedy: str) -> errors.InvalidOptionError:
    return errors.InvalidOptionError(
        "Several processes cannot be had so.", where=where, expected=expected, got=got, remedy=remedy
    )

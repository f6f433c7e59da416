"""The arenas that a training plays at once, each with a game of its own; a game that is lost is replaced."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from godot_marl.arena import Arena
from godot_marl.errors import GodotMarlError
from godot_marl.outcomes import Outcome
from godot_marl.pool import check_same_scene
from godot_marl.protocol import SceneDescription
from godot_marl.restarts import FAULTS, RestartLimit, ask_to_replace
from godot_marl.together import together


class Arenas:
    """Several arenas of one scene, which are counted from 0.

    A game is lost when it ends, hangs or breaks the protocol. Another one is started in its place when its arena is
    reset, as long as that helps; see `godot_marl.restarts`.

    Args:
        make: Makes the arena of a number.
        count: How many there are.
        restarts: Whether to replace lost games. False raises the fault.
    """

    def __init__(self, make: Callable[[int], Arena], count: int = 1, *, restarts: bool) -> None:
        self._arenas = [make(number) for number in range(count)]
        self._restarts = restarts
        self._scene: SceneDescription | None = None
        self._limits: list[RestartLimit] = []
        # How many steps the game of each arena has made.
        self._steps = [0] * count
        self._faults: dict[int, GodotMarlError] = {}

    def __len__(self) -> int:
        """How many there are."""
        return len(self._arenas)

    def start(self) -> SceneDescription:
        """Start all games at once if they do not run, and return what the handshakes said.

        Raises:
            SceneError: Two games have different agents.
            GodotMarlError: One of them could not be started; the others are not waited for. All are closed then.
        """
        if self._scene is None:
            try:
                scenes = together([arena.start for arena in self._arenas], "godot-marl start")
                for scene in scenes[1:]:
                    check_same_scene(scenes[0], scene)
            except BaseException:
                self._end()
                raise
            self._limits = [RestartLimit(time.monotonic()) for _ in self._arenas]
            self._scene = scenes[0]
        return self._scene

    def live(self, number: int) -> list[str]:
        """The agents of an arena whose episode goes on."""
        return self._arenas[number].live

    def reset(self, number: int) -> Outcome:
        """Begin an episode in an arena, with a new game if the last one was lost.

        Raises:
            WorkerRestartError: Its game was replaced too often.
            GodotMarlError: What is no loss of a game, and a loss if these are not replaced.
        """
        fault = self._faults.pop(number, None)
        while True:
            if fault is not None:
                time.sleep(ask_to_replace(number, fault, self._limits[number], self._steps[number]))
                self._steps[number] = 0
            try:
                outcome = self._arenas[number].reset(None, None)
            except FAULTS as again:
                if not self._restarts:
                    raise
                fault = again
                continue
            if fault is not None:
                check_same_scene(self.start(), self._arenas[number].scene)
            return outcome

    def begin_step(self, number: int, actions: Mapping[str, Any]) -> None:
        """Let the agents of an arena act, without waiting; raises what `finish_step` does."""
        try:
            self._arenas[number].begin_step(actions)
        except FAULTS as fault:
            self._lose(number, fault)

    def finish_step(self, number: int) -> Outcome | None:
        """Wait for what the step brought; None if the game was lost in it.

        Raises:
            GodotMarlError: What is no loss of a game, and a loss if these are not replaced.
        """
        if number in self._faults:
            return None
        try:
            outcome = self._arenas[number].finish_step()
        except FAULTS as fault:
            self._lose(number, fault)
            return None
        self._steps[number] += 1
        return outcome

    def _lose(self, number: int, fault: GodotMarlError) -> None:
        if not self._restarts:
            raise fault
        self._faults[number] = fault

    def close(self) -> None:
        """End all games. Safe to call twice."""
        for arena in self._arenas:
            arena.close()

    def _end(self) -> None:
        """End all games at once, before one of them is waited for; threads may still start them."""
        try:
            for arena in self._arenas:
                arena.end()
            self.close()
        finally:
            # Also after Ctrl-C.
            for arena in self._arenas:
                arena.end()


def seed_of(seed: int, number: int, steps: int = 0) -> int:
    """The seed of an arena: that of the first one of a new training is the given one, and all others depend on it.

    Not the numbers that follow: they are the seeds of other trainings.

    Args:
        seed: The training's.
        number: The arena's.
        steps: At how many steps the training goes on, so that it does not play the same episodes again.
    """
    if number == 0 and steps == 0:
        return seed
    key = (number, steps) if steps else (number,)
    return int(np.random.SeedSequence(seed, spawn_key=key).generate_state(1, np.uint64)[0] >> np.uint64(1))

"""The arenas of a training run: each has its own worker, and a lost worker is restarted."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from godot_marl.core.arena import Arena
from godot_marl.core.concurrency import run_all
from godot_marl.core.episode import StepResult
from godot_marl.errors import GodotMarlError
from godot_marl.protocol.messages import SceneDescription
from godot_marl.vector.restarting_pool import FAULTS, RestartBudget, delay_before_restart
from godot_marl.vector.worker_pool import validate_same_scene


class Arenas:
    """Several arenas of one scene, numbered from 0.

    A worker is lost when its process ends, hangs or breaks the protocol. The next reset of its arena starts a new one,
    within a `RestartBudget`; see `godot_marl.vector.restarting_pool`.

    Args:
        make: Makes the arena with a given number.
        count: Number of arenas.
        restarts: Whether to restart lost workers. False raises the fault.
    """

    def __init__(self, make: Callable[[int], Arena], count: int = 1, *, restarts: bool) -> None:
        self._arenas = [make(number) for number in range(count)]
        self._restarts = restarts
        self._scene: SceneDescription | None = None
        self._budgets: list[RestartBudget] = []
        # Steps of each arena since its worker started.
        self._steps = [0] * count
        self._faults: dict[int, GodotMarlError] = {}

    def __len__(self) -> int:
        """The number of arenas."""
        return len(self._arenas)

    def start(self) -> SceneDescription:
        """Start all workers at once, unless they run already, and return the scene's description.

        Raises:
            SceneError: The scenes of two workers have different agents.
            GodotMarlError: A worker could not be started. All are closed, without waiting for the others.
        """
        if self._scene is None:
            try:
                scenes = run_all([arena.start for arena in self._arenas], "godot-marl start")
                for scene in scenes[1:]:
                    validate_same_scene(scenes[0], scene)
            except BaseException:
                self._abort()
                raise
            self._budgets = [RestartBudget(time.monotonic()) for _ in self._arenas]
            self._scene = scenes[0]
        return self._scene

    def live(self, number: int) -> list[str]:
        """The live agents of an arena."""
        return self._arenas[number].live

    def reset(self, number: int) -> StepResult:
        """Begin an episode in an arena, with a new worker if the last one was lost.

        Raises:
            WorkerRestartError: The arena's worker was restarted too often.
            GodotMarlError: An error other than the loss of a worker, or a loss where restarts are off.
        """
        fault = self._faults.pop(number, None)
        while True:
            if fault is not None:
                time.sleep(delay_before_restart(number, fault, self._budgets[number], self._steps[number]))
                self._steps[number] = 0
            try:
                result = self._arenas[number].reset(None, None)
            except FAULTS as next_fault:
                if not self._restarts:
                    raise
                fault = next_fault
                continue
            if fault is not None:
                validate_same_scene(self.start(), self._arenas[number].scene)
            return result

    def begin_step(self, number: int, actions: Mapping[str, Any]) -> None:
        """Send the actions of an arena's agents without waiting; raises the same errors as `finish_step`."""
        try:
            self._arenas[number].begin_step(actions)
        except FAULTS as fault:
            self._record_loss(number, fault)

    def finish_step(self, number: int) -> StepResult | None:
        """Wait for the result of the step; None if the worker was lost during the step.

        Raises:
            GodotMarlError: An error other than the loss of a worker, or a loss where restarts are off.
        """
        if number in self._faults:
            return None
        try:
            result = self._arenas[number].finish_step()
        except FAULTS as fault:
            self._record_loss(number, fault)
            return None
        self._steps[number] += 1
        return result

    def _record_loss(self, number: int, fault: GodotMarlError) -> None:
        if not self._restarts:
            raise fault
        self._faults[number] = fault

    def close(self) -> None:
        """End all workers. Safe to call twice."""
        for arena in self._arenas:
            arena.close()

    def _abort(self) -> None:
        """End all workers at once before waiting for any; other threads may still be starting some."""
        try:
            for arena in self._arenas:
                arena.end()
            self.close()
        finally:
            # Ctrl-C may interrupt close(), so end them again.
            for arena in self._arenas:
                arena.end()


def seed_of(seed: int, number: int, steps: int = 0) -> int:
    """Return the seed of an arena: the run's seed for arena 0 of a new run, derived from it for all others.

    Derived seeds do not count up from the run's seed, because the next integers are likely seeds of other runs.

    Args:
        seed: The run's seed.
        number: The arena's number.
        steps: Environment steps at which the run resumes, so that it does not repeat its episodes.

    Returns:
        A seed from 0 to 2**63 - 1.
    """
    if number == 0 and steps == 0:
        return seed
    key = (number, steps) if steps else (number,)
    return int(np.random.SeedSequence(seed, spawn_key=key).generate_state(1, np.uint64)[0] >> np.uint64(1))

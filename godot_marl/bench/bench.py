"""A run: measures what was chosen, world after world, and goes on where a case fails."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from godot_marl.bench.cases import RIVALS, Case, Form, World
from godot_marl.bench.ceiling import measure_ceiling
from godot_marl.bench.figures import Figures, Measurement, Measurements
from godot_marl.bench.forms import measure_form, vector_options_of
from godot_marl.bench.project import BenchProject
from godot_marl.bench.rival import Rival
from godot_marl.engine import Engine
from godot_marl.errors import GodotMarlError

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecEnv

    from godot_marl.bench.goals import Learning
    from godot_marl.bench.memory import MemoryCurve
    from godot_marl.bench.soak_curve import SoakCurve

LEARNED_WORLDS: dict[Form, World] = {"sb3": World(16, "arenas"), "rival-sb3": World(16)}
"""On what PPO learns: 16 agents, each of which ends on its own; ours do so in arenas."""


class Bench:
    """Measures cases on one engine.

    Args:
        engine: The Godot that runs.
        rival: Godot RL Agents, where the user has it.
    """

    def __init__(self, engine: Engine, rival: Rival | None = None) -> None:
        self._engine = engine
        self._rival = rival

    def measure(
        self, cases: Sequence[Case], *, seconds: float, rounds: int, begin: Callable[[Case, int], None]
    ) -> Measurements:
        """Measure these cases, in their order; in several rounds each case of a world comes once in each.

        Args:
            cases: What to measure. Those of one world belong next to each other, so that they meet the same weather.
            seconds: How long each measurement lasts.
            rounds: How often each world is measured.
            begin: Called before each measurement with the case and the number of measurements done.

        Raises:
            GodotMarlError: The project could not be prepared.
        """
        measurements = Measurements({case: Measurement(case) for case in cases})
        done = 0
        with self._project(cases, seconds=seconds) as project:
            for _, group in itertools.groupby(cases, key=lambda case: case.world):
                for case in [*group] * rounds:
                    begin(case, done)
                    done += 1
                    measurement = measurements[case]
                    if measurement.failure is not None:
                        continue
                    try:
                        measurement.rounds.append(self._measure_once(project, case, seconds))
                    except (GodotMarlError, ImportError, OSError) as error:
                        measurement.failure = str(error)
        return measurements

    def learn(self, seeds: Sequence[int], begin: Callable[[Form, int], None]) -> Learning:
        """Let PPO learn to balance the poles, with our form and, where there is one, the rival's.

        Args:
            seeds: The seeds; both forms learn with each of them, in turn.
            begin: Called before each training with the form and the seed.

        Raises:
            GodotMarlError: A game failed.
        """
        from godot_marl.bench.learning import learn

        forms: tuple[Form, ...] = ("sb3", "rival-sb3") if self._rival else ("sb3",)
        learning: Learning = {form: [] for form in forms}
        cases = [Case(form, LEARNED_WORLDS[form]) for form in forms]
        with self._project(cases, seconds=1.0, falls=True) as project:
            for seed, form in itertools.product(seeds, forms):
                begin(form, seed)
                with self._vec_env(project, form) as env:
                    learning[form].append(learn(env, seed))
        return learning

    def watch_memory(self, steps: int, report: Callable[[int], None]) -> MemoryCurve:
        """Step the vector form for so many steps, and sample the memory of both processes.

        Args:
            steps: How often to step.
            report: Called now and then with the number of steps so far.

        Raises:
            GodotMarlError: The game failed.
        """
        from godot_marl.bench.memory import WORLD, watch_memory

        with self._project([Case("vector", WORLD)], seconds=1.0) as project:
            return watch_memory(project, steps, report)

    def soak(self, minutes: float, report: Callable[[float], None]) -> SoakCurve:
        """Step, reset, close, make again and hurt environments for so long, and sample what grows.

        Args:
            minutes: How long.
            report: Called now and then with the seconds that are over.

        Raises:
            GodotMarlError: The project could not be made ready.
        """
        from godot_marl.bench.soak import Soak
        from godot_marl.bench.soak_forms import CARTS_WORLD

        with self._project([Case("vector", CARTS_WORLD)], seconds=1.0, falls=True) as project:
            return Soak(project, minutes * 60, report).run()

    @contextlib.contextmanager
    def _project(self, cases: Sequence[Case], *, seconds: float, falls: bool = False) -> Iterator[BenchProject]:
        with BenchProject(self._engine) as project:
            project.write_scenes(cases, seconds=seconds, falls=falls)
            if self._rival and any(case.form in RIVALS for case in cases):
                self._rival.write_scenes(project, cases, falls=falls)
            project.import_scenes()
            yield project

    def _measure_once(self, project: BenchProject, case: Case, seconds: float) -> Figures:
        if case.form == "ceiling":
            return measure_ceiling(project, case.world, seconds)
        if case.form in RIVALS:
            assert self._rival is not None
            return self._rival.measure(project, case, seconds)
        return measure_form(project, case, seconds)

    @contextlib.contextmanager
    def _vec_env(self, project: BenchProject, form: Form) -> Iterator[VecEnv]:
        world = LEARNED_WORLDS[form]
        if form in RIVALS:
            assert self._rival is not None
            with self._rival.vec_env(project, world) as env:
                yield env
            return
        from godot_marl.sb3 import vec_env

        env = vec_env(project.game_of(world), **vector_options_of(project, world))
        with contextlib.closing(env):
            yield env

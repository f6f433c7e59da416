"""Measures cases, one world after the other; a case that fails does not end the run."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence

from godot_marl.bench.cases import Case
from godot_marl.bench.ceiling import measure_ceiling
from godot_marl.bench.env_forms import measure_form
from godot_marl.bench.project import BenchProject
from godot_marl.bench.timing import Measurement, Measurements, Timing
from godot_marl.engine import Engine
from godot_marl.errors import GodotMarlError


class Bench:
    """Measures cases on one engine.

    Args:
        engine: The Godot that runs.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def measure(
        self, cases: Sequence[Case], *, seconds: float, rounds: int, begin: Callable[[Case, int], None]
    ) -> Measurements:
        """Measure these cases in their order; in several rounds each case of a world comes once in each.

        Args:
            cases: What to measure. Those of a world belong next to each other, so that the load of the machine is
                the same for all of them.
            seconds: How long each measurement lasts.
            rounds: How often each world is measured.
            begin: Called before each measurement with the case and the number of measurements done.

        Raises:
            GodotMarlError: The project could not be prepared.
        """
        measurements = Measurements({case: Measurement(case) for case in cases})
        done = 0
        with self.project(cases, seconds=seconds) as project:
            for _, group in itertools.groupby(cases, key=lambda case: case.world):
                for case in [*group] * rounds:
                    begin(case, done)
                    done += 1
                    measurement = measurements[case]
                    if measurement.failure is not None:
                        continue
                    try:
                        measurement.rounds.append(self.measure_once(project, case, seconds))
                    except (GodotMarlError, ImportError, OSError) as error:
                        measurement.failure = str(error)
        return measurements

    @contextlib.contextmanager
    def project(self, cases: Sequence[Case], *, seconds: float, falls: bool = False) -> Iterator[BenchProject]:
        """The project with the scenes of these cases, imported; it is removed at the end.

        Args:
            cases: What will be measured.
            seconds: How long the ceilings measure.
            falls: Whether an episode ends when the pole falls.

        Raises:
            GodotMarlError: The project could not be prepared.
        """
        with BenchProject(self._engine) as project:
            self.write_scenes(project, cases, seconds=seconds, falls=falls)
            project.import_scenes()
            yield project

    def write_scenes(self, project: BenchProject, cases: Sequence[Case], *, seconds: float, falls: bool) -> None:
        """Write the scenes of these cases into the project, before it is imported."""
        project.write_scenes(cases, seconds=seconds, falls=falls)

    def measure_once(self, project: BenchProject, case: Case, seconds: float) -> Timing:
        """Measure a case for so long.

        Raises:
            GodotMarlError: The game failed.
            ImportError: The form needs a package that is not installed.
        """
        if case.form == "ceiling":
            return measure_ceiling(project, case.world, seconds)
        return measure_form(project, case, seconds)

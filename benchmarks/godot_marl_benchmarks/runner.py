"""Measures what only a checkout can: Godot RL Agents, PPO, memory and soak."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from godot_marl.bench.cases import RIVALS, Case, Form, World
from godot_marl.bench.env_forms import vector_options_of
from godot_marl.bench.project import BenchProject
from godot_marl.bench.runner import Bench
from godot_marl.bench.timing import Timing
from godot_marl.engine import Engine
from godot_marl_benchmarks.godot_rl.runner import Rival
from godot_marl_benchmarks.memory import WORLD, MemoryCurve, watch_memory
from godot_marl_benchmarks.scenes import add_scenes
from godot_marl_benchmarks.soak.envs import CARTS_WORLD
from godot_marl_benchmarks.soak.report import SoakCurve
from godot_marl_benchmarks.soak.run import Soak
from godot_marl_benchmarks.targets import Learning

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecEnv

LEARNED_WORLDS: dict[Form, World] = {"sb3": World(16, "arenas"), "rival-sb3": World(16)}
"""What PPO learns on: 16 agents whose episodes end independently; ours are in arenas of their own for that."""


class DeveloperBench(Bench):
    """Measures cases on one engine.

    Args:
        engine: The Godot that runs.
        rival: Godot RL Agents, if its addon was given.
    """

    def __init__(self, engine: Engine, rival: Rival | None = None) -> None:
        super().__init__(engine)
        self._rival = rival

    def write_scenes(self, project: BenchProject, cases: Sequence[Case], *, seconds: float, falls: bool) -> None:
        """Write the scenes of these cases into the project, before it is imported."""
        super().write_scenes(project, cases, seconds=seconds, falls=falls)
        add_scenes(project)
        if self._rival and any(case.form in RIVALS for case in cases):
            self._rival.write_scenes(project, cases, falls=falls)

    def measure_once(self, project: BenchProject, case: Case, seconds: float) -> Timing:
        """Measure a case for so long.

        Raises:
            GodotMarlError: The game failed.
            ImportError: The form needs a package that is not installed.
        """
        if case.form == "ppo":
            from godot_marl_benchmarks.ppo import time_collecting

            with self._vec_env(project, case) as env:
                return time_collecting(env, seconds)
        if case.form in RIVALS:
            assert self._rival is not None
            return self._rival.measure(project, case, seconds)
        return super().measure_once(project, case, seconds)

    def learn(self, seeds: Sequence[int], begin: Callable[[Form, int], None]) -> Learning:
        """Let PPO learn to balance the poles, with our form and, if there is one, the rival's.

        Args:
            seeds: The seeds; the forms take turns, and both learn with each seed.
            begin: Called before each training with the form and the seed.

        Raises:
            GodotMarlError: A game failed.
        """
        from godot_marl_benchmarks.ppo import learn

        forms: tuple[Form, ...] = ("sb3", "rival-sb3") if self._rival else ("sb3",)
        learning: Learning = {form: [] for form in forms}
        cases = {form: Case(form, LEARNED_WORLDS[form]) for form in forms}
        with self.project(list(cases.values()), seconds=1.0, falls=True) as project:
            for seed, form in itertools.product(seeds, forms):
                begin(form, seed)
                with self._vec_env(project, cases[form]) as env:
                    learning[form].append(learn(env, seed))
        return learning

    def watch_memory(self, steps: int, report: Callable[[int], None]) -> MemoryCurve:
        """Step the vector form so often, and sample the memory of both processes.

        Args:
            steps: How often to step.
            report: Called at each sample with the number of steps so far.

        Raises:
            GodotMarlError: The game failed.
        """
        with self.project([Case("vector", WORLD)], seconds=1.0) as project:
            return watch_memory(project, steps, report)

    def soak(self, minutes: float, report: Callable[[float], None]) -> SoakCurve:
        """Step, reset, restart and kill environments for so long, and sample the resource usage.

        Args:
            minutes: How long.
            report: Called at each sample with the seconds that have passed.

        Raises:
            GodotMarlError: The project could not be prepared.
        """
        with self.project([Case("vector", CARTS_WORLD)], seconds=1.0, falls=True) as project:
            return Soak(project, minutes * 60, report).run()

    @contextlib.contextmanager
    def _vec_env(self, project: BenchProject, case: Case) -> Iterator[VecEnv]:
        if case.form in RIVALS:
            assert self._rival is not None
            with self._rival.vec_env(project, case.world) as env:
                yield env
            return
        from godot_marl.sb3 import vec_env

        env = vec_env(project.game_of(case.world), **vector_options_of(project, case.world))
        with contextlib.closing(env):
            yield env

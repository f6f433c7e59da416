"""Steps each form of an environment, with a constant action that takes no time to choose."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import gymnasium
import numpy as np

import godot_marl
from godot_marl.bench.cases import Case, Form, World
from godot_marl.bench.project import BenchProject
from godot_marl.bench.timing import Timing, time_steps

if TYPE_CHECKING:
    from godot_marl.sb3 import GodotVecEnv

Measure: TypeAlias = Callable[[BenchProject, World, float], Timing]


def measure_form(project: BenchProject, case: Case, seconds: float) -> Timing:
    """Start a game, step it for so long, and end it.

    Args:
        project: The project, with the scenes of this case written.
        case: One of `SHIPPED_FORMS`, except "ceiling".
        seconds: How long to measure.

    Raises:
        GodotMarlError: The game failed.
        ImportError: The form needs a package that is not installed.
    """
    return _MEASURES[case.form](project, case.world, seconds)


def options_of(project: BenchProject, world: World) -> dict[str, Any]:
    """The options with which every form runs a world."""
    return {"scene": world.scene, "engine": project.engine.path, "seed": 0}


def vector_options_of(project: BenchProject, world: World) -> dict[str, Any]:
    """The options with which the vector forms run a world."""
    vector = {"copies": world.copies, "processes": world.workers, "layout": world.layout}
    return {**options_of(project, world), **vector}


def _measure_parallel(project: BenchProject, world: World, seconds: float) -> Timing:
    env = godot_marl.parallel_env(project.game_of(world), **options_of(project, world))
    with contextlib.closing(env):
        env.reset(seed=0)
        actions = dict.fromkeys(env.possible_agents, 1)

        def step() -> int:
            count = len(env.agents)
            env.step(actions)
            if not env.agents:
                env.reset()
            return count

        return time_steps(step, seconds)


def _measure_gymnasium(project: BenchProject, world: World, seconds: float) -> Timing:
    env = gymnasium.make(godot_marl.gym.ENV_ID, game=project.game_of(world), **options_of(project, world))
    with contextlib.closing(env):
        env.reset(seed=0)

        def step() -> int:
            _, _, terminated, truncated, _ = env.step(1)
            if terminated or truncated:
                env.reset()
            return 1

        return time_steps(step, seconds)


def _measure_vector(project: BenchProject, world: World, seconds: float) -> Timing:
    env = godot_marl.vector_env(project.game_of(world), **vector_options_of(project, world))
    with contextlib.closing(env):
        env.reset(seed=0)
        return _time_rows(env, seconds)


def _measure_sb3(project: BenchProject, world: World, seconds: float) -> Timing:
    from godot_marl.sb3 import vec_env

    env = vec_env(project.game_of(world), **vector_options_of(project, world))
    with contextlib.closing(env):
        env.reset()
        return _time_rows(env, seconds)


def _time_rows(env: godot_marl.GodotVectorEnv | GodotVecEnv, seconds: float) -> Timing:
    actions = np.ones(env.num_envs, np.int64)

    def step() -> int:
        env.step(actions)
        return len(actions)

    return time_steps(step, seconds)


_MEASURES: dict[Form, Measure] = {
    "parallel": _measure_parallel,
    "gymnasium": _measure_gymnasium,
    "vector": _measure_vector,
    "sb3": _measure_sb3,
}

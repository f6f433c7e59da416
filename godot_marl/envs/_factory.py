"""Makes the environments of the example projects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from pettingzoo import AECEnv
from pettingzoo.utils.wrappers import OrderEnforcingWrapper

from godot_marl import aec
from godot_marl.assets.install import prepare_example
from godot_marl.parallel import GodotParallelEnv
from godot_marl.vector import GodotVectorEnv

ScriptedPolicy = Callable[[np.ndarray[Any, Any], np.ndarray[Any, Any] | None, np.random.Generator], Any]
"""A scripted player: takes one agent's observation, its action mask or None, and a generator; returns an action."""


def parallel_env(project: str, name: str, max_cycles: int | None, options: Mapping[str, Any]) -> GodotParallelEnv:
    """Make a ParallelEnv of an example project.

    Args:
        project: The project's folder in `envs/`.
        name: The environment's name in PettingZoo, such as "tag_v0".
        max_cycles: Steps until an episode is truncated; None for the scene's own limit.
        options: See `godot_marl.options.Options`.
    """
    env = GodotParallelEnv(prepare_example(project), max_episode_steps=max_cycles, **options)
    env.metadata["name"] = name
    return env


def raw_env(project: str, name: str, max_cycles: int | None, options: Mapping[str, Any]) -> AECEnv[str, Any, Any]:
    """Make an AECEnv of an example project, without the wrapper that enforces the order of calls."""
    env = aec.raw_env(prepare_example(project), max_episode_steps=max_cycles, **options)
    env.metadata["name"] = name
    return env


def env(project: str, name: str, max_cycles: int | None, options: Mapping[str, Any]) -> AECEnv[str, Any, Any]:
    """Make an AECEnv of an example project."""
    return OrderEnforcingWrapper(raw_env(project, name, max_cycles, options))


def vector_env(project: str, name: str, max_cycles: int | None, options: Mapping[str, Any]) -> GodotVectorEnv:
    """Make a Gymnasium VectorEnv of an example project whose agents share one policy."""
    env = GodotVectorEnv(prepare_example(project), max_episode_steps=max_cycles, **options)
    env.metadata["name"] = name
    return env

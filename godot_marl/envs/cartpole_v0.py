"""CartPole in 3D: a cart on a track, a pole on a hinge. See `envs/cartpole/README.md`."""

from __future__ import annotations

from typing import Any

import numpy as np
from pettingzoo import AECEnv

from godot_marl.envs import _factory
from godot_marl.envs._factory import ScriptedPolicy
from godot_marl.parallel import GodotParallelEnv
from godot_marl.vector import GodotVectorEnv

MAX_CYCLES = 250
"""Default steps until an episode is truncated."""

__all__ = ["MAX_CYCLES", "SCRIPTED", "env", "parallel_env", "raw_env", "scripted_cart", "vector_env"]


def scripted_cart(
    observation: np.ndarray[Any, Any], _mask: np.ndarray[Any, Any] | None, rng: np.random.Generator
) -> int:
    """Push towards the side to which the pole leans.

    It ignores velocities and the cart's position, so that a trained policy can do better: the pole falls after 126
    steps.

    Args:
        observation: The agent's observation, float32 of shape (4,).
        rng: Draws the action where the pole is upright.

    Returns:
        0 to push left, 1 to push right.
    """
    angle = float(observation[2])
    return int(rng.integers(2)) if angle == 0.0 else int(angle > 0.0)


SCRIPTED: dict[str, ScriptedPolicy] = {"default": scripted_cart}
"""The scripted player of each policy."""


def parallel_env(max_cycles: int | None = MAX_CYCLES, **options: Any) -> GodotParallelEnv:
    """Make CartPole as a PettingZoo ParallelEnv.

    Args:
        max_cycles: Steps until the episode is truncated; None for no limit.
        **options: See `godot_marl.options.Options`.
    """
    return _factory.parallel_env("cartpole", "cartpole_v0", max_cycles, options)


def raw_env(max_cycles: int | None = MAX_CYCLES, **options: Any) -> AECEnv[str, Any, Any]:
    """Make CartPole as a PettingZoo AECEnv, without the wrapper that enforces the order of calls."""
    return _factory.raw_env("cartpole", "cartpole_v0", max_cycles, options)


def env(max_cycles: int | None = MAX_CYCLES, **options: Any) -> AECEnv[str, Any, Any]:
    """Make CartPole as a PettingZoo AECEnv."""
    return _factory.env("cartpole", "cartpole_v0", max_cycles, options)


def vector_env(max_cycles: int | None = MAX_CYCLES, **options: Any) -> GodotVectorEnv:
    """Make many CartPoles as one Gymnasium VectorEnv.

    Args:
        max_cycles: Steps until an episode is truncated; None for no limit.
        **options: `copies`, `processes`, `layout`, `restart_workers` and `copy` as in `godot_marl.vector_env`, and
            those of `godot_marl.options.Options`.
    """
    return _factory.vector_env("cartpole", "cartpole_v0", max_cycles, options)

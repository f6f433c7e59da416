"""CartPole in 3D: a cart on a track, a pole on a hinge. See `envs/cartpole/README.md`."""

from __future__ import annotations

from typing import Any

from pettingzoo import AECEnv
from pettingzoo.utils.wrappers import OrderEnforcingWrapper

from godot_marl.addon import prepare_example
from godot_marl.aec import to_aec
from godot_marl.parallel import GodotParallelEnv

MAX_CYCLES = 250

__all__ = ["MAX_CYCLES", "env", "parallel_env", "raw_env"]


def parallel_env(max_cycles: int = MAX_CYCLES, **options: Any) -> GodotParallelEnv:
    """Make CartPole as a PettingZoo ParallelEnv.

    Args:
        max_cycles: Steps until the episode is truncated.
        **options: See `godot_marl.options.Options`.
    """
    parallel = GodotParallelEnv(prepare_example("cartpole"), max_episode_steps=max_cycles, **options)
    parallel.metadata["name"] = "cartpole_v0"
    return parallel


def raw_env(max_cycles: int = MAX_CYCLES, **options: Any) -> AECEnv[str, Any, Any]:
    """Make CartPole as a PettingZoo AECEnv, without the wrapper that enforces the order of calls."""
    return to_aec(parallel_env(max_cycles, **options))


def env(max_cycles: int = MAX_CYCLES, **options: Any) -> AECEnv[str, Any, Any]:
    """Make CartPole as a PettingZoo AECEnv."""
    return OrderEnforcingWrapper(raw_env(max_cycles, **options))

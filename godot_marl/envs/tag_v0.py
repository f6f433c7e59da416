"""Tag: three slow chasers against one fast runner. See `envs/tag/README.md`."""

from __future__ import annotations

from typing import Any

import numpy as np
from pettingzoo import AECEnv

from godot_marl.envs import _factory
from godot_marl.envs._factory import ScriptedPolicy
from godot_marl.parallel import GodotParallelEnv

MAX_CYCLES = 200
"""The scene's own time limit of 20 s, in steps of 6 physics frames."""

__all__ = ["MAX_CYCLES", "SCRIPTED", "env", "parallel_env", "raw_env", "scripted_chaser", "scripted_runner"]


def parallel_env(max_cycles: int | None = None, **options: Any) -> GodotParallelEnv:
    """Make tag as a PettingZoo ParallelEnv.

    Args:
        max_cycles: Steps until the episode is truncated; None for only the scene's own time limit.
        **options: See `godot_marl.options.Options`.
    """
    return _factory.parallel_env("tag", "tag_v0", max_cycles, options)


def raw_env(max_cycles: int | None = None, **options: Any) -> AECEnv[str, Any, Any]:
    """Make tag as a PettingZoo AECEnv, without the wrapper that enforces the order of calls."""
    return _factory.raw_env("tag", "tag_v0", max_cycles, options)


def env(max_cycles: int | None = None, **options: Any) -> AECEnv[str, Any, Any]:
    """Make tag as a PettingZoo AECEnv."""
    return _factory.env("tag", "tag_v0", max_cycles, options)


# The direction of each action: 0 stands still, 1 to 8 go clockwise from the right, with y down.
_DIAGONAL = np.sqrt(0.5)
_DIRECTIONS = np.array(
    [
        [0.0, 0.0],
        [1.0, 0.0],
        [_DIAGONAL, _DIAGONAL],
        [0.0, 1.0],
        [-_DIAGONAL, _DIAGONAL],
        [-1.0, 0.0],
        [-_DIAGONAL, -_DIAGONAL],
        [0.0, -1.0],
        [_DIAGONAL, -_DIAGONAL],
    ]
)
# In the observation's unit of length: the distance at top speed in a second, and the rays' length.
_SPEED = 260.0 / 456.0
_RAY_LENGTH = 200.0 / 456.0


def scripted_chaser(
    observation: np.ndarray[Any, Any], mask: np.ndarray[Any, Any] | None, rng: np.random.Generator
) -> int:
    """Run towards the runner's predicted position, away from the other chasers, and around obstacles.

    Args:
        observation: The chaser's observation.
        mask: Unused.
        rng: Breaks ties between directions.

    Returns:
        The direction, 1 to 8.
    """
    del mask
    to_runner, relative = observation[12:14], observation[14:16]
    own_velocity, rays = observation[2:4], observation[4:12]
    distance = float(np.hypot(*to_runner))
    runner_velocity = relative + own_velocity
    aim = to_runner + runner_velocity * _SPEED * min(0.8, distance / (1.5 * _SPEED))
    # Aim at the side of the runner that is opposite to the middle of the other chasers.
    others = (observation[16:18] + observation[18:20]) / 2.0 - to_runner
    length = float(np.hypot(*others))
    if length > 0.0 and distance > 0.15:
        aim = aim - others / length * min(0.35 * distance, 0.25)
    aim = aim / max(float(np.hypot(*aim)), 1e-6)
    scores = _DIRECTIONS[1:] @ aim + 0.3 * (_DIRECTIONS[1:] @ own_velocity) - 2.0 * (rays < 0.13)
    scores += rng.uniform(0.0, 0.02, 8)
    return 1 + int(np.argmax(scores))


def scripted_runner(
    observation: np.ndarray[Any, Any], mask: np.ndarray[Any, Any] | None, rng: np.random.Generator
) -> int:
    """Predict half a second in each direction, and choose the one that ends far from chasers and corners.

    Args:
        observation: The runner's observation.
        mask: Unused.
        rng: Breaks ties between directions.

    Returns:
        0 to stand still, or the direction, 1 to 8.
    """
    del mask
    position, own_velocity, rays = observation[0:2], observation[2:4], observation[4:12]
    chasers = observation[12:24].reshape(3, 4)
    reach = np.concatenate([[0.0], np.minimum(0.5 * _SPEED, np.maximum(rays * _RAY_LENGTH - 0.04, 0.0))])
    ends = _DIRECTIONS * reach[:, None]
    danger = np.zeros(9)
    for chaser in chasers:
        ahead = chaser[:2] + (chaser[2:] + own_velocity) * _SPEED * 0.3
        danger += 1.0 / (np.sum((ends - ahead) ** 2, axis=1) + 0.01)
    # Prefer the middle: chasers trap the runner in corners.
    eccentricity = np.sum(((position + ends) / [1.0, 0.5]) ** 2, axis=1)
    scores = -danger - 3.0 * eccentricity + 1.0 * (_DIRECTIONS @ own_velocity) + rng.uniform(0.0, 0.1, 9)
    return int(np.argmax(scores))


SCRIPTED: dict[str, ScriptedPolicy] = {"chaser": scripted_chaser, "runner": scripted_runner}
"""The scripted player of each policy."""

"""Soccer in 3D: two against two, and a ball. See `envs/soccer/README.md`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from pettingzoo import AECEnv

from godot_marl.envs import _factory
from godot_marl.envs._factory import ScriptedPolicy
from godot_marl.parallel import GodotParallelEnv

__all__ = ["SCRIPTED", "env", "parallel_env", "raw_env", "scripted_player"]

_Vector = np.ndarray[Any, Any]

# Lengths are in the unit of an observation, half the length of the field.
# The middle of the opponents' goal, and the offset from it at which the ball is aimed.
_GOAL = np.array([1.0, 0.0])
_AIM_OFFSET = 0.2
# How far behind the ball an attacker runs, and the distance at which a player has reached its target.
_BEHIND = 0.17
_NEAR = 0.06
# The goalkeeper's x coordinate, and the share of the ball's y coordinate that it follows.
_KEEPER = -0.8
_FOLLOW = 0.35
# The least cosine at which the ball is in line with the shot, and the probability of a random action.
_ALIGNED = 0.8
_RANDOM_SHARE = 0.2


def parallel_env(max_cycles: int | None = None, **options: Any) -> GodotParallelEnv:
    """Make Soccer as a PettingZoo ParallelEnv.

    Args:
        max_cycles: Steps until the episode is truncated; None for only the scene's own limit of 20 seconds.
        **options: See `godot_marl.options.Options`.
    """
    return _factory.parallel_env("soccer", "soccer_v0", max_cycles, options)


def raw_env(max_cycles: int | None = None, **options: Any) -> AECEnv[str, Any, Any]:
    """Make Soccer as a PettingZoo AECEnv, without the wrapper that enforces the order of calls."""
    return _factory.raw_env("soccer", "soccer_v0", max_cycles, options)


def env(max_cycles: int | None = None, **options: Any) -> AECEnv[str, Any, Any]:
    """Make Soccer as a PettingZoo AECEnv."""
    return _factory.env("soccer", "soccer_v0", max_cycles, options)


def scripted_player(observation: _Vector, _mask: _Vector | None, rng: np.random.Generator) -> int:
    """Attack or keep the goal, without planning.

    The team's player that is nearer to the ball runs behind it, around it where it is in the way, and pushes it towards
    the half of the opponents' goal that the nearest opponent leaves open. The other player keeps its own goal. One
    action of five is random, which separates players that push against each other.

    Args:
        observation: The agent's observation, in its own team's direction of play.
        rng: Draws the random actions.

    Returns:
        0 to stand still, or 1 to 8 for a direction in steps of 45 degrees.
    """
    if rng.random() < _RANDOM_SHARE:
        return int(rng.integers(9))
    position, ball, mate, opponent = (observation[i : i + 2] for i in (0, 4, 8, 12))
    if math.hypot(*ball) <= math.hypot(*(ball - mate)):
        return _direction(_attack(position, ball, opponent))
    return _direction(_guard(position, ball))


SCRIPTED: dict[str, ScriptedPolicy] = {"player": scripted_player}
"""The scripted player of each policy."""


def _attack(position: _Vector, ball: _Vector, opponent: _Vector) -> _Vector:
    shot: _Vector = _GOAL - position - ball
    shot[1] += math.copysign(_AIM_OFFSET, ball[1] - opponent[1])
    shot /= max(math.hypot(*shot), _NEAR)
    if ball @ shot > _ALIGNED * math.hypot(*ball):
        push: _Vector = ball + shot * _BEHIND
        return push
    target: _Vector = ball - shot * _BEHIND
    if ball @ shot < 0.0 and abs(ball[1]) < _BEHIND:
        # The ball is in the way: pass it on the other side.
        target[1] += math.copysign(_BEHIND, -ball[1])
    return target


def _guard(position: _Vector, ball: _Vector) -> _Vector:
    target: _Vector = np.array([_KEEPER, (position + ball)[1] * _FOLLOW]) - position
    return target


def _direction(target: _Vector) -> int:
    """Return the action whose direction is nearest to a relative target; 0 if the target is reached."""
    if math.hypot(*target) < _NEAR:
        return 0
    return 1 + round(math.atan2(target[1], target[0]) / (math.pi / 4.0)) % 8

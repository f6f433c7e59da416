"""Soccer in 3D: two against two, and a ball. See `envs/soccer/README.md`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from pettingzoo import AECEnv

from godot_marl.envs import _example
from godot_marl.envs._example import ScriptedPolicy
from godot_marl.parallel import GodotParallelEnv

__all__ = ["SCRIPTED", "env", "parallel_env", "raw_env", "scripted_player"]

_Vector = np.ndarray[Any, Any]

# In the units of an observation, half the length of the field: the middle of the opponents' goal; how far from it the
# ball is aimed; how far behind the ball an attacker goes; how near is near enough; and the keeper's
# place before the own goal, and how much of the ball's way across the keeper follows.
_GOAL = np.array([1.0, 0.0])
_POST = 0.2
_BEHIND = 0.17
_NEAR = 0.06
_KEEPER = -0.8
_FOLLOW = 0.35
# The cosine from which on the ball is in line with where it shall go, and how often a player follows a whim.
_ALIGNED = 0.8
_WHIM = 0.2


def parallel_env(max_cycles: int | None = None, **options: Any) -> GodotParallelEnv:
    """Make Soccer as a PettingZoo ParallelEnv.

    Args:
        max_cycles: Steps until the episode is truncated; None for the scene's own limit of 20 seconds alone.
        **options: See `godot_marl.options.Options`.
    """
    return _example.parallel_env("soccer", "soccer_v0", max_cycles, options)


def raw_env(max_cycles: int | None = None, **options: Any) -> AECEnv[str, Any, Any]:
    """Make Soccer as a PettingZoo AECEnv, without the wrapper that enforces the order of calls."""
    return _example.raw_env("soccer", "soccer_v0", max_cycles, options)


def env(max_cycles: int | None = None, **options: Any) -> AECEnv[str, Any, Any]:
    """Make Soccer as a PettingZoo AECEnv."""
    return _example.env("soccer", "soccer_v0", max_cycles, options)


def scripted_player(observation: _Vector, _mask: _Vector | None, rng: np.random.Generator) -> int:
    """A plain player, without foresight.

    Whoever of the team is nearer to the ball runs behind it, around it where it is in the way, and pushes it towards
    that half of the opponents' goal which the nearest opponent leaves open. The other one keeps the own goal. In one
    step of five the player follows a whim instead, so that two who push against each other come loose.
    """
    if rng.random() < _WHIM:
        return int(rng.integers(9))
    own, ball, mate, opponent = (observation[i : i + 2] for i in (0, 4, 8, 12))
    if math.hypot(*ball) <= math.hypot(*(ball - mate)):
        return _direction(_attack(own, ball, opponent))
    return _direction(_guard(own, ball))


SCRIPTED: dict[str, ScriptedPolicy] = {"player": scripted_player}
"""A fixed player for each policy, written by hand."""


def _attack(own: _Vector, ball: _Vector, opponent: _Vector) -> _Vector:
    shot: _Vector = _GOAL - own - ball
    shot[1] += math.copysign(_POST, ball[1] - opponent[1])
    shot /= max(math.hypot(*shot), _NEAR)
    if ball @ shot > _ALIGNED * math.hypot(*ball):
        push: _Vector = ball + shot * _BEHIND
        return push
    way: _Vector = ball - shot * _BEHIND
    if ball @ shot < 0.0 and abs(ball[1]) < _BEHIND:
        # The ball is in the way: pass it on the side on which it is not.
        way[1] += math.copysign(_BEHIND, -ball[1])
    return way


def _guard(own: _Vector, ball: _Vector) -> _Vector:
    way: _Vector = np.array([_KEEPER, (own + ball)[1] * _FOLLOW]) - own
    return way


def _direction(way: _Vector) -> int:
    """The action that comes nearest to a way; 0 where it is too short to be worth it."""
    if math.hypot(*way) < _NEAR:
        return 0
    return 1 + round(math.atan2(way[1], way[0]) / (math.pi / 4.0)) % 8

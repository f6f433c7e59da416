"""Connect Four: two players take turns dropping discs. See `envs/connect_four/README.md`.

Agents that take turns have no parallel form.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pettingzoo import AECEnv

from godot_marl.envs import _example
from godot_marl.envs._example import ScriptedPolicy

__all__ = ["SCRIPTED", "env", "raw_env", "scripted_player"]

_COLUMNS, _ROWS = 7, 6
# How many numbers of an observation are the board.
_BOARD = 2 * _COLUMNS * _ROWS
_WEIGHTS = (1, 2, 3, 4, 3, 2, 1)


def raw_env(max_cycles: int | None = None, **options: Any) -> AECEnv[str, Any, Any]:
    """Make Connect Four as a PettingZoo AECEnv, without the wrapper that enforces the order of calls.

    Args:
        max_cycles: Moves until the game is truncated; None: it ends by itself, after 42 moves at most.
        **options: See `godot_marl.options.Options`.
    """
    return _example.raw_env("connect_four", "connect_four_v0", max_cycles, options)


def env(max_cycles: int | None = None, **options: Any) -> AECEnv[str, Any, Any]:
    """Make Connect Four as a PettingZoo AECEnv; the arguments are those of `raw_env`."""
    return _example.env("connect_four", "connect_four_v0", max_cycles, options)


def _lines_through_holes() -> list[list[int]]:
    """For each hole the lines of four through it, as bits of the three other holes.

    Bit `41 - (7 * row + column)` is a hole, row 0 on top: so `np.packbits` of an observation is such a number.
    """
    lines: list[list[int]] = [[] for _ in range(_ROWS * _COLUMNS)]
    for row in range(_ROWS):
        for column in range(_COLUMNS):
            for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
                if row + 3 * down < _ROWS and 0 <= column + 3 * right < _COLUMNS:
                    holes = [_COLUMNS * (row + i * down) + column + i * right for i in range(4)]
                    for hole in holes:
                        lines[hole].append(sum(1 << (41 - other) for other in holes if other != hole))
    return lines


_LINES = _lines_through_holes()


def _wins(discs: int, hole: int) -> bool:
    return any(line & discs == line for line in _LINES[hole])


def _bits(plane: np.ndarray[Any, Any]) -> int:
    # 42 bits fill 6 bytes but for the last 6 bits.
    return int.from_bytes(np.packbits(plane != 0.0).tobytes(), "big") >> 6


def _landing_holes(discs: int, mask: np.ndarray[Any, Any] | None) -> dict[int, int]:
    """For each open column the hole that a disc would come to."""
    landing = {}
    for column in range(_COLUMNS):
        hole = 35 + column
        while hole >= 0 and discs >> (41 - hole) & 1:
            hole -= _COLUMNS
        if hole >= 0 and (mask is None or mask[column]):
            landing[column] = hole
    return landing


def _draw(columns: list[int], rng: np.random.Generator) -> int:
    number = rng.random() * sum(_WEIGHTS[column] for column in columns)
    for column in columns:
        number -= _WEIGHTS[column]
        if number < 0.0:
            return column
    return columns[-1]


def scripted_player(
    observation: np.ndarray[Any, Any], mask: np.ndarray[Any, Any] | None, rng: np.random.Generator
) -> int:
    """Wins if one move does it, else blocks the move with which the other would win.

    Else it takes a random column, the middle ones more often, but none in which the other could then win on top of its
    disc, if there is a choice. It plans nothing: two threats at once, or one that is built up over several moves, beat
    it.
    """
    own, other = _bits(observation[0:_BOARD:2]), _bits(observation[1:_BOARD:2])
    landing = _landing_holes(own | other, mask)
    for discs in (own, other):
        for column, hole in landing.items():
            if _wins(discs, hole):
                return column
    columns = list(landing)
    safe = [column for column, hole in landing.items() if hole < _COLUMNS or not _wins(other, hole - _COLUMNS)]
    return _draw(safe or columns, rng)


SCRIPTED: dict[str, ScriptedPolicy] = {"player": scripted_player}
"""A fixed player for each policy, written by hand."""

"""Connect Four: two players take turns dropping discs. See `envs/connect_four/README.md`.

Agents that take turns have no parallel form.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pettingzoo import AECEnv

from godot_marl.envs import _factory
from godot_marl.envs._factory import ScriptedPolicy

__all__ = ["SCRIPTED", "env", "raw_env", "scripted_player"]

_COLUMNS, _ROWS = 7, 6
# Numbers of an observation that describe the board: two for each hole.
_BOARD = 2 * _COLUMNS * _ROWS
# Relative probabilities of the columns: the number of horizontal lines of four through each.
_WEIGHTS = (1, 2, 3, 4, 3, 2, 1)


def raw_env(max_cycles: int | None = None, **options: Any) -> AECEnv[str, Any, Any]:
    """Make Connect Four as a PettingZoo AECEnv, without the wrapper that enforces the order of calls.

    Args:
        max_cycles: Moves until the episode is truncated; None for no limit: a full board ends it after 42 moves.
        **options: See `godot_marl.options.Options`.
    """
    return _factory.raw_env("connect_four", "connect_four_v0", max_cycles, options)


def env(max_cycles: int | None = None, **options: Any) -> AECEnv[str, Any, Any]:
    """Make Connect Four as a PettingZoo AECEnv; the arguments are those of `raw_env`."""
    return _factory.env("connect_four", "connect_four_v0", max_cycles, options)


def _lines_through_holes() -> list[list[int]]:
    """Return for each hole the lines of four through it, each as a bit set of its three other holes.

    Bit `41 - (7 * row + column)` stands for a hole, with row 0 on top, as `np.packbits` gives it for an observation.
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
    # np.packbits pads the 42 bits with 6 zero bits.
    return int.from_bytes(np.packbits(plane != 0.0).tobytes(), "big") >> 6


def _landing_holes(discs: int, mask: np.ndarray[Any, Any] | None) -> dict[int, int]:
    """Return for each open column the hole in which a disc would land."""
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
    """Win in one move if possible, else block a winning move of the opponent.

    Otherwise the player draws a random column, the middle ones with a higher probability, and avoids columns in which
    the opponent could win on top of the disc. It does not plan: two threats at once beat it.

    Args:
        observation: The agent's observation, whose first 84 numbers are its own and the opponent's discs, interleaved.
        mask: The open columns, int8 of shape (7,), or None if all are open.
        rng: Draws the column.

    Returns:
        The column, 0 to 6.
    """
    own_discs, opponent_discs = _bits(observation[0:_BOARD:2]), _bits(observation[1:_BOARD:2])
    landing = _landing_holes(own_discs | opponent_discs, mask)
    for discs in (own_discs, opponent_discs):
        for column, hole in landing.items():
            if _wins(discs, hole):
                return column
    columns = list(landing)
    safe = [column for column, hole in landing.items() if hole < _COLUMNS or not _wins(opponent_discs, hole - _COLUMNS)]
    return _draw(safe or columns, rng)


SCRIPTED: dict[str, ScriptedPolicy] = {"player": scripted_player}
"""The scripted player of each policy."""

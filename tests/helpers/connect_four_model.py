"""The rules of Connect Four once more, as a small model, and games that were played with it."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

Hole = tuple[int, int]


def lines_of_four() -> list[frozenset[Hole]]:
    """All lines, as holes (column, height)."""
    lines = []
    for column in range(7):
        for height in range(6):
            for right, up in ((1, 0), (0, 1), (1, 1), (1, -1)):
                line = [(column + i * right, height + i * up) for i in range(4)]
                if all(0 <= x < 7 and 0 <= y < 6 for x, y in line):
                    lines.append(frozenset(line))
    return lines


LINES = lines_of_four()


class Model:
    """The rules once more: sets of holes and a list of all lines, instead of the scene's bits."""

    def __init__(self) -> None:
        self.moves: list[int] = []
        self.turn = 0
        self.discs: list[set[Hole]] = [set(), set()]
        self.heights = [0] * 7
        self.rewards = [0.0, 0.0]
        self.over = False
        self.won: list[frozenset[Hole]] = []

    def play(self, column: int) -> None:
        self.moves.append(column)
        hole = (column, self.heights[column])
        if hole[1] == 6:
            self.over = True
            self.rewards[self.turn] = -1.0
            return
        own = self.discs[self.turn]
        own.add(hole)
        self.heights[column] += 1
        self.won = [line for line in LINES if hole in line and line <= own]
        if self.won:
            self.rewards = [-1.0, -1.0]
            self.rewards[self.turn] = 1.0
        self.over = bool(self.won) or sum(self.heights) == 42
        if not self.over:
            self.turn = 1 - self.turn

    def view(self, player: int) -> np.ndarray[Any, Any]:
        view = np.zeros((6, 7, 2), np.float32)
        for plane, owner in enumerate((player, 1 - player)):
            for column, height in self.discs[owner]:
                view[5 - height, column, plane] = 1.0
        return view

    def outlook(self, player: int) -> np.ndarray[Any, Any]:
        """For each column whether a disc there wins, whether the other's does, and whether the other's does on top."""
        rows = []
        for whose, above in ((player, 0), (1 - player, 0), (1 - player, 1)):
            holes = [(column, height + above) for column, height in enumerate(self.heights)]
            # The model ends with the first line: a line that is complete already wins with every disc.
            rows += [hole[1] < 6 and (self._makes_line(whose, hole) or self._has_line(whose)) for hole in holes]
        return np.array(rows, np.float32)

    def _has_line(self, player: int) -> bool:
        return any(line <= self.discs[player] for line in LINES)

    def open_columns(self) -> list[int]:
        return [column for column in range(7) if self.heights[column] < 6]

    def completes(self, player: int, column: int) -> bool:
        """Whether a disc of the player in this column makes a line."""
        return self._makes_line(player, (column, self.heights[column]))

    def gives_away(self, column: int) -> bool:
        """Whether a disc in this column lets the other make a line on top of it."""
        return self._makes_line(1 - self.turn, (column, self.heights[column] + 1))

    def _makes_line(self, player: int, hole: Hole) -> bool:
        discs = self.discs[player] | {hole}
        return any(hole in line and line <= discs for line in LINES)


def position(moves: list[int]) -> Model:
    """The game after these moves."""
    model = Model()
    for column in moves:
        model.play(column)
    return model


def random_game(rng: np.random.Generator) -> Model:
    model = Model()
    while not model.over:
        columns = model.open_columns()
        model.play(columns[int(rng.integers(len(columns)))])
    return model


@functools.cache
def all_kinds_of_games() -> tuple[dict[frozenset[Hole], list[int]], list[list[int]]]:
    """For each line a game that is won with it and no other, and games without a winner."""
    rng = np.random.default_rng(4)
    won: dict[frozenset[Hole], list[int]] = {}
    drawn: list[list[int]] = []
    while len(won) < len(LINES) or len(drawn) < 3:
        model = random_game(rng)
        if not model.won:
            drawn.append(model.moves)
        elif len(model.won) == 1:
            won.setdefault(model.won[0], model.moves)
    return won, drawn

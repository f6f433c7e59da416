"""In which order a batch has its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from godot_marl.pool import StepPart
from godot_marl.rows import Array

NO_ROWS = np.zeros(0, np.int64)


@dataclass(frozen=True)
class RowOrder:
    """A row is one agent of one arena of one worker, in this order: worker, arena, slot.

    Attributes:
        workers: How many workers there are.
        copies: How many arenas each of them has.
        slots: How many agents can be in an arena.
    """

    workers: int
    copies: int
    slots: int

    @property
    def arenas(self) -> int:
        """How many arenas there are in all."""
        return self.workers * self.copies

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.arenas * self.slots

    def arenas_of(self, workers: Sequence[int]) -> Array:
        """The arenas of these workers."""
        return (np.asarray(workers)[:, None] * self.copies + np.arange(self.copies)).ravel()

    def rows_of(self, arenas: Array) -> Array:
        """The rows of these arenas."""
        return (arenas[:, None] * self.slots + np.arange(self.slots)).ravel() if len(arenas) else NO_ROWS

    def for_rows(self, values: Sequence[int] | Array) -> Array:
        """What each row's arena has, of `values` with one for each arena."""
        return np.repeat(values, self.slots)

    def any_of_arena(self, rows: Array) -> Array:
        """For each arena whether it is true of one of its rows; bool, shape (arenas,)."""
        return np.asarray(rows.reshape(self.arenas, self.slots).any(axis=1))

    def parts(self, sections: dict[str, Array], marks: Array, orders: Array, seeds: Array) -> list[StepPart]:
        """What each worker has of the sections and marks of all rows, and of the orders and seeds of all arenas."""
        if self.workers == 1:
            return [(sections, marks, orders, seeds)]
        rows, arenas = self.copies * self.slots, self.copies
        return [
            (
                {name: section[worker * rows : (worker + 1) * rows] for name, section in sections.items()},
                marks[worker * rows : (worker + 1) * rows],
                orders[worker * arenas : (worker + 1) * arenas],
                seeds[worker * arenas : (worker + 1) * arenas],
            )
            for worker in range(self.workers)
        ]

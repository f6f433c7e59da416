"""The order of the rows of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from godot_marl.vector.batch_layout import Array
from godot_marl.vector.worker_pool import StepPart

NO_ROWS = np.zeros(0, np.int64)


@dataclass(frozen=True)
class RowIndex:
    """A row is one agent of one arena of one worker, in this order: worker, arena, slot.

    Attributes:
        workers: Number of workers.
        copies: Number of arenas of each worker.
        slots: Number of agents of an arena.
    """

    workers: int
    copies: int
    slots: int

    @property
    def arenas(self) -> int:
        """The number of arenas of all workers."""
        return self.workers * self.copies

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.arenas * self.slots

    def arenas_of(self, workers: Sequence[int]) -> Array:
        """The arenas of these workers."""
        return (np.asarray(workers)[:, None] * self.copies + np.arange(self.copies)).ravel()

    def rows_of(self, arenas: Array) -> Array:
        """The rows of these arenas."""
        return (arenas[:, None] * self.slots + np.arange(self.slots)).ravel() if len(arenas) else NO_ROWS

    def for_rows(self, values: Sequence[int] | Array) -> Array:
        """Repeat `values`, one for each arena, for each row of the arena."""
        return np.repeat(values, self.slots)

    def any_of_arena(self, rows: Array) -> Array:
        """Whether any row of each arena is true; bool, shape (arenas,)."""
        return np.asarray(rows.reshape(self.arenas, self.slots).any(axis=1))

    def parts(
        self, sections: dict[str, Array], action_present: Array, reset_orders: Array, seeds: Array
    ) -> list[StepPart]:
        """Split the sections and flags of all rows, and the reset orders and seeds of all arenas, by worker."""
        if self.workers == 1:
            return [(sections, action_present, reset_orders, seeds)]
        rows, arenas = self.copies * self.slots, self.copies
        return [
            (
                {name: section[worker * rows : (worker + 1) * rows] for name, section in sections.items()},
                action_present[worker * rows : (worker + 1) * rows],
                reset_orders[worker * arenas : (worker + 1) * arenas],
                seeds[worker * arenas : (worker + 1) * arenas],
            )
            for worker in range(self.workers)
        ]

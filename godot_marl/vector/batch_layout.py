"""Batches of values, with a row for each agent, and how they lie in the sections of the messages.

The values of one policy's agents have one space. A batch of them is what `gymnasium.vector.utils.batch_space` has: one
array for a space that is not nested, a dictionary or a tuple of arrays for one that is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from godot_marl.errors import InvalidActionError
from godot_marl.plans import SECTION_DTYPES, Leaf, SpacePlan

Array = np.ndarray[Any, Any]


class RowPlan:
    """How a batch of values of one space lies in the sections.

    Args:
        space: The space of one row.
    """

    def __init__(self, space: spaces.Space[Any]) -> None:
        self.space = space
        self._plan = SpacePlan(space)
        self._widths = {name: width for name, width in self._plan.widths.items() if width}

    def read(self, sections: Mapping[str, Array], slots: int) -> Any:
        """The batch that lies in the sections, which have a row for each arena.

        Args:
            sections: What `Reply.sections` has; behind the values of the slots others may follow.
            slots: How many rows there are in an arena.
        """
        only = self._plan.only_leaf
        if only is not None:
            elements = sections[only.section][:, : slots * only.size]
            return elements.reshape(-1, *only.shape).astype(only.dtype, copy=False)
        rows = {name: sections[name][:, : slots * width].reshape(-1, width) for name, width in self._widths.items()}
        return map_leaves(
            self._plan.tree,
            lambda leaf: (
                rows[leaf.section][:, leaf.begin : leaf.begin + leaf.size]
                .reshape(-1, *leaf.shape)
                .astype(leaf.dtype, copy=False)
            ),
        )

    def write(self, batch: Any, count: int) -> dict[str, Array]:
        """The sections of a batch of `count` rows, each an array of shape (rows, elements of a row)."""
        only = self._plan.only_leaf
        if only is not None:
            dtype = SECTION_DTYPES[only.section]
            return {only.section: np.ascontiguousarray(batch, dtype).reshape(count, only.size)}
        sections = {name: np.zeros((count, width), SECTION_DTYPES[name]) for name, width in self._widths.items()}

        def store(leaf: Leaf, array: Any) -> None:
            sections[leaf.section][:, leaf.begin : leaf.begin + leaf.size] = np.asarray(array).reshape(count, leaf.size)

        map_leaves(self._plan.tree, store, batch)
        return sections

    def check(self, batch: Any, rows: Array, describe: Callable[[int], str]) -> None:
        """Check a batch of actions.

        Args:
            batch: The actions.
            rows: Bool, shape (rows,): which of them count.
            describe: Says whose action a row is.

        Raises:
            InvalidActionError: The batch has another form, or one of its rows is not in the space.
        """
        for leaf, space in self._plan.leaves:
            array = self._leaf_of(batch, leaf, space, len(rows))
            inside = _inside(space, array, leaf)
            # A search through bytes costs less than a reduction.
            if b"\0" in inside.tobytes() and not (inside | ~rows).all():
                inside |= ~rows
                row = int(np.argmin(inside))
                raise InvalidActionError(
                    f"The action of {describe(row)} is outside its action space.",
                    where=f"row {row} of the actions",
                    expected=str(space),
                    got=repr(array[row]),
                    remedy="Give values that single_action_space.contains() accepts.",
                )

    def _leaf_of(self, batch: Any, leaf: Leaf, space: spaces.Space[Any], count: int) -> Array:
        try:
            array = np.asarray(batch if leaf is self._plan.only_leaf else self._find(batch, leaf))
        except (KeyError, TypeError, ValueError, IndexError):
            array = np.zeros(0)
        kinds = "fiu" if isinstance(space, spaces.Box) and leaf.dtype.kind == "f" else "iub"
        if array.shape != (count, *leaf.shape) or array.dtype.kind not in kinds:
            raise InvalidActionError(
                "The actions do not have the form of a batch.",
                where="step(actions)",
                expected=f"for {space} an array of shape {(count, *leaf.shape)}",
                got=f"{type(batch).__name__}, shape {array.shape}, {array.dtype}: {str(batch)[:100]}",
                remedy="Give what action_space.sample() gives: a row for each agent.",
            )
        return array

    def _find(self, batch: Any, leaf: Leaf) -> Any:
        found: list[Any] = []
        map_leaves(self._plan.tree, lambda other, value: found.append(value) if other is leaf else None, batch)
        return found[0]


def map_leaves(tree: Any, function: Callable[..., Any], *values: Any) -> Any:
    """What `function` makes of each leaf of a plan's tree and its part of the values, in the form of the tree."""
    if isinstance(tree, Leaf):
        return function(tree, *values)
    if isinstance(tree, dict):
        return {name: map_leaves(member, function, *(v[name] for v in values)) for name, member in tree.items()}
    return tuple(map_leaves(member, function, *(v[i] for v in values)) for i, member in enumerate(tree))


def map_batch(function: Callable[..., Any], *batches: Any) -> Any:
    """What `function` makes of each array of batches of one form."""
    first = batches[0]
    if isinstance(first, dict):
        return {name: map_batch(function, *(batch[name] for batch in batches)) for name in first}
    if isinstance(first, tuple):
        return tuple(map_batch(function, *parts) for parts in zip(*batches, strict=True))
    return function(*batches)


def rows_of(batch: Any, rows: Any) -> Any:
    """Some rows of a batch, copied."""
    return map_batch(lambda array: array[rows].copy(), batch)


def row_of(batch: Any, row: int) -> Any:
    """One row of a batch, copied: a value of the space itself."""
    return map_batch(lambda array: array[row].copy() if array.ndim > 1 else array[row], batch)


def join(batches: Sequence[Any]) -> Any:
    """Batches one after another."""
    return batches[0] if len(batches) == 1 else map_batch(lambda *arrays: np.concatenate(arrays), *batches)


def _inside(space: spaces.Space[Any], array: Array, leaf: Leaf) -> Array:
    match space:
        case spaces.Box():
            inside = (array >= space.low) & (array <= space.high)
        case spaces.Discrete():
            inside = (array >= space.start) & (array < space.start + space.n)
        case spaces.MultiDiscrete():
            inside = (array >= space.start) & (array < space.start + space.nvec)
        case _:
            inside = (array == 0) | (array == 1)
    return np.asarray(inside.reshape(len(array), -1).all(axis=1)) if leaf.shape else np.asarray(inside)

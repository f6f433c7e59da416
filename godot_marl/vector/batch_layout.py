"""Batches of values, with a row for each agent, and where they lie in the sections of the messages.

The agents of one policy have the same space. Their batch is a value of `gymnasium.vector.utils.batch_space`: one array
for a leaf, and a dictionary or a tuple of arrays for a composite space.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces

from godot_marl.errors import InvalidActionError
from godot_marl.protocol.space_kinds.registry import leaf_kind_of
from godot_marl.protocol.space_layout import SECTION_DTYPES, Leaf, SpaceLayout

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class _LeafCheck:
    """What each row of a leaf of a batch of actions must be."""

    leaf: Leaf
    space: spaces.Space[Any]
    low: Any
    high: Any
    dtype_kinds: str

    @classmethod
    def of(cls, leaf: Leaf, space: spaces.Space[Any]) -> _LeafCheck:
        kind = leaf_kind_of(space)
        return cls(leaf, space, *kind.bounds(space), kind.batch_dtypes(space))

    def rows_inside(self, array: Array) -> Array:
        """Which rows are in the space."""
        inside = (array >= self.low) & (array <= self.high)
        return np.asarray(inside.reshape(len(array), -1).all(axis=1) if self.leaf.shape else inside)


class BatchLayout:
    """Where a batch of values of one space lies in the sections.

    Args:
        space: The space of one row.

    Raises:
        InvalidSpaceError: The space, or a member of it, is of an unknown type.
    """

    def __init__(self, space: spaces.Space[Any]) -> None:
        self.space = space
        self._layout = SpaceLayout(space)
        self._widths = {name: width for name, width in self._layout.widths.items() if width}
        self._checks = [_LeafCheck.of(leaf, leaf_space) for leaf, leaf_space in self._layout.leaves]

    def unpack(self, sections: Mapping[str, Array], slots: int) -> Any:
        """The batch that lies in the sections, which have a row for each arena.

        Args:
            sections: As in `Reply.sections`; the values of the first slots come first.
            slots: The rows of an arena.
        """
        only = self._layout.only_leaf
        if only is not None:
            elements = sections[only.section][:, : slots * only.size]
            return elements.reshape(-1, *only.shape).astype(only.dtype, copy=False)
        rows = {name: sections[name][:, : slots * width].reshape(-1, width) for name, width in self._widths.items()}
        return map_leaves(
            self._layout.tree,
            lambda leaf: (
                rows[leaf.section][:, leaf.begin : leaf.begin + leaf.size]
                .reshape(-1, *leaf.shape)
                .astype(leaf.dtype, copy=False)
            ),
        )

    def pack(self, batch: Any, count: int) -> dict[str, Array]:
        """The sections of a batch of `count` rows, each an array of shape (rows, elements of a row)."""
        only = self._layout.only_leaf
        if only is not None:
            dtype = SECTION_DTYPES[only.section]
            return {only.section: np.ascontiguousarray(batch, dtype).reshape(count, only.size)}
        sections = {name: np.zeros((count, width), SECTION_DTYPES[name]) for name, width in self._widths.items()}

        def store(leaf: Leaf, array: Any) -> None:
            sections[leaf.section][:, leaf.begin : leaf.begin + leaf.size] = np.asarray(array).reshape(count, leaf.size)

        map_leaves(self._layout.tree, store, batch)
        return sections

    def validate(self, batch: Any, rows: Array, describe: Callable[[int], str]) -> None:
        """Check a batch of actions.

        Args:
            batch: The actions.
            rows: Bool, shape (rows,): which of them to check.
            describe: Returns the name of a row's agent.

        Raises:
            InvalidActionError: The batch has another form, or one of its rows is not in the space.
        """
        for check in self._checks:
            array = self._leaf_of(batch, check, len(rows))
            inside = check.rows_inside(array)
            # A search through bytes costs less than a reduction.
            if b"\0" in inside.tobytes() and not (inside | ~rows).all():
                inside |= ~rows
                row = int(np.argmin(inside))
                raise InvalidActionError(
                    f"The action of {describe(row)} is outside its action space.",
                    where=f"row {row} of the actions",
                    expected=str(check.space),
                    got=repr(array[row]),
                    remedy="Give values that single_action_space.contains() accepts.",
                )

    def _leaf_of(self, batch: Any, check: _LeafCheck, count: int) -> Array:
        leaf = check.leaf
        try:
            array = np.asarray(batch if leaf is self._layout.only_leaf else self._find(batch, leaf))
        except (KeyError, TypeError, ValueError, IndexError):
            array = np.zeros(0)
        if array.shape != (count, *leaf.shape) or array.dtype.kind not in check.dtype_kinds:
            raise InvalidActionError(
                "The actions do not have the form of a batch.",
                where="step(actions)",
                expected=f"for {check.space} an array of shape {(count, *leaf.shape)}",
                got=f"{type(batch).__name__}, shape {array.shape}, {array.dtype}: {str(batch)[:100]}",
                remedy="Give what action_space.sample() gives: a row for each agent.",
            )
        return array

    def _find(self, batch: Any, leaf: Leaf) -> Any:
        found: list[Any] = []
        map_leaves(self._layout.tree, lambda other, value: found.append(value) if other is leaf else None, batch)
        return found[0]


def map_leaves(tree: Any, function: Callable[..., Any], *values: Any) -> Any:
    """The results of `function` for each leaf of a layout's tree and its part of the values, as such a tree."""
    if isinstance(tree, Leaf):
        return function(tree, *values)
    if isinstance(tree, dict):
        return {name: map_leaves(member, function, *(v[name] for v in values)) for name, member in tree.items()}
    return tuple(map_leaves(member, function, *(v[i] for v in values)) for i, member in enumerate(tree))


def map_batch(function: Callable[..., Any], *batches: Any) -> Any:
    """The results of `function` for each array of batches of one form."""
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
    """The rows of all batches, one batch after another."""
    return batches[0] if len(batches) == 1 else map_batch(lambda *arrays: np.concatenate(arrays), *batches)

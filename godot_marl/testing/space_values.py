"""Compares values of spaces element by element, and describes spaces in a few words."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from godot_marl.protocol.space_kinds.kind import CompositeKind
from godot_marl.protocol.space_kinds.registry import kind_of
from godot_marl.protocol.spaces import leaf_spaces, leaves


def difference_of(space: spaces.Space[Any], one: Any, other: Any) -> str | None:
    """Where two values differ by a bit, as "[2] is 0.5 instead of 0.25"; None if they do not."""
    for (place, _, _, a), (_, _, _, b) in zip(leaves(space, one), leaves(space, other), strict=True):
        left, right = np.asarray(a), np.asarray(b)
        if left.tobytes() == right.tobytes():
            continue
        # Compare the bytes, because -0.0 equals 0.0.
        unequal = [x.tobytes() != y.tobytes() for x, y in zip(left.ravel(), right.ravel(), strict=True)]
        index = np.unravel_index(unequal.index(True), left.shape)
        return f"{place}{_subscript(index)} is {left[index]} instead of {right[index]}"
    return None


def outside_of(space: spaces.Space[Any], value: Any) -> str | None:
    """The first element of a value that is not in its space, as "[2] is 7.0, not -1.0 to 1.0"; None if all are."""
    for place, kind, member, part in leaves(space, value):
        if member.contains(part):
            continue
        elements = np.asarray(part)
        if elements.shape and elements.shape == member.shape:
            low, high = (np.broadcast_to(bound, elements.shape) for bound in kind.bounds(member))
            wrong = ~((elements >= low) & (elements <= high))
            if wrong.any():
                index = tuple(np.argwhere(wrong)[0].tolist())
                return f"{place}{_subscript(index)} is {elements[index]}, not {low[index]} to {high[index]}"
        return f"{place} is {part}, not in {describe_space(member)}"
    return None


def is_unbounded(space: spaces.Space[Any]) -> bool:
    """Whether a member of the space has an infinite bound."""
    bounds = (kind.bounds(leaf) for _, kind, leaf in leaf_spaces(space))
    return any(bool(np.isinf(low).any() or np.isinf(high).any()) for low, high in bounds)


def describe_space(space: spaces.Space[Any], where: str = "space") -> str:
    """A space in a few words, for a table.

    Raises:
        InvalidSpaceError: It, or a member of it, is of an unknown type.
    """
    kind = kind_of(space, where)
    if not isinstance(kind, CompositeKind):
        return kind.describe(space)
    keys = kind.keys(space)
    return kind.describe({key: describe_space(kind.member(space, key), where + kind.suffix(key)) for key in keys})


def _subscript(index: tuple[Any, ...]) -> str:
    return "".join(f"[{int(i)}]" for i in index)

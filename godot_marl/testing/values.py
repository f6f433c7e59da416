"""Values of spaces: their elements one by one, where two differ, and spaces in few words."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from godot_marl.spaces import leaves


def difference_of(space: spaces.Space[Any], one: Any, other: Any) -> str | None:
    """Where two values differ by a bit, as "[2] is 0.5 instead of 0.25"; None if they do not."""
    for (place, _, a), (_, _, b) in zip(leaves(space, one), leaves(space, other), strict=True):
        left, right = np.asarray(a), np.asarray(b)
        if left.tobytes() == right.tobytes():
            continue
        # By their bits: -0.0 and 0.0 differ.
        unequal = [x.tobytes() != y.tobytes() for x, y in zip(left.ravel(), right.ravel(), strict=True)]
        index = np.unravel_index(unequal.index(True), left.shape)
        return f"{place}{_subscript(index)} is {left[index]} instead of {right[index]}"
    return None


def outside_of(space: spaces.Space[Any], value: Any) -> str | None:
    """The first element of a value that is not in its space, as "[2] is 7.0, not -1.0 to 1.0"; None if all are."""
    for place, member, part in leaves(space, value):
        if member.contains(part):
            continue
        elements = np.asarray(part)
        if isinstance(member, spaces.Box) and elements.shape == member.shape:
            wrong = ~((elements >= member.low) & (elements <= member.high))
            if wrong.any():
                index = tuple(np.argwhere(wrong)[0].tolist())
                return (
                    f"{place}{_subscript(index)} is {elements[index]}, not {member.low[index]} to {member.high[index]}"
                )
        return f"{place} is {part}, not in {describe_space(member)}"
    return None


def is_unbounded(space: spaces.Space[Any]) -> bool:
    """Whether a Box in it has a bound that is infinite."""
    if isinstance(space, spaces.Dict):
        return any(is_unbounded(member) for member in space.spaces.values())
    if isinstance(space, spaces.Tuple):
        return any(is_unbounded(member) for member in space.spaces)
    return isinstance(space, spaces.Box) and bool(np.isinf(space.low).any() or np.isinf(space.high).any())


def describe_space(space: spaces.Space[Any]) -> str:
    """A space in a few words, for a table."""
    match space:
        case spaces.Dict():
            return "{" + ", ".join(f"{n}: {describe_space(s)}" for n, s in space.spaces.items()) + "}"
        case spaces.Tuple():
            return "(" + ", ".join(describe_space(s) for s in space.spaces) + ")"
        case spaces.Box():
            low, high = space.low.min(), space.high.max()
            shape = "x".join(map(str, space.shape))
            return f"Box {shape} {space.dtype}, {low:g} to {high:g}"
        case spaces.Discrete():
            return f"Discrete {space.n}" + (f" from {space.start}" if space.start else "")
        case spaces.MultiDiscrete():
            return f"MultiDiscrete {' '.join(map(str, space.nvec.tolist()))}"
        case spaces.MultiBinary():
            return f"MultiBinary {space.n}"
    return str(space)


def _subscript(index: tuple[Any, ...]) -> str:
    return "".join(f"[{int(i)}]" for i in index)

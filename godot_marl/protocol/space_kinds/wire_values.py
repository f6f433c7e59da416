"""Reads the numbers and lists of a space's description: each is what it must be, or a ValueError."""

from __future__ import annotations

import math
from typing import Any, TypeVar

# As many bytes as the largest message (`godot_marl.transport.connection`) has.
MAX_BYTES = MAX_ELEMENTS = 1 << 26

_Container = TypeVar("_Container", list[Any], dict[str, Any])


def read_integer(value: object) -> int:
    """An integer. Many JSON writers have one type of number only, so 2.0 is an integer too.

    Raises:
        ValueError: It is something else.
        OverflowError: It is infinite.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
        raise ValueError(f"{value!r} must be an integer")
    return int(value)


def read_count(value: object) -> int:
    """An integer of at least 1.

    Raises:
        ValueError: It is something else.
        OverflowError: It is infinite.
    """
    count = read_integer(value)
    if count < 1:
        raise ValueError(f"{value!r} must be at least 1")
    return count


def read_shape(lengths: list[object]) -> tuple[int, ...]:
    """The shape of an array that fits into a message.

    Raises:
        ValueError: A length is not a count, or there are too many elements.
        OverflowError: A length is infinite.
    """
    shape = tuple(map(read_count, lengths))
    if math.prod(shape) > MAX_ELEMENTS:
        raise ValueError(f"{math.prod(shape)} elements are more than fit into a message")
    return shape


def read_filled(value: object, container: type[_Container]) -> _Container:
    """A list or a dictionary that is not empty.

    Raises:
        ValueError: It is something else.
    """
    if not isinstance(value, container) or not value:
        raise ValueError(f"{value!r} must be a {container.__name__} that is not empty")
    return value

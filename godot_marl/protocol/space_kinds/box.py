"""Box: an array of numbers between bounds (3.1)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from gymnasium import spaces

from godot_marl.protocol.space_kinds.kind import Array, LeafKind, Wire, as_array
from godot_marl.protocol.space_kinds.wire_values import read_count, read_filled, read_shape

# The section of each dtype, and the bytes of an element there.
_SECTIONS = {
    "float32": ("f32", 4),
    "float64": ("f64", 8),
    "int8": ("i32", 4),
    "int16": ("i32", 4),
    "int32": ("i32", 4),
    "int64": ("i64", 8),
    "uint8": ("u8", 1),
}
BOX_DTYPES = tuple(_SECTIONS)


class BoxKind(LeafKind[spaces.Box]):
    """Arrays of one of `BOX_DTYPES`, of one dimension or more."""

    wire_type = "box"
    space_type = spaces.Box
    wire_limits = f"Box of {', '.join(BOX_DTYPES)} with one dimension or more"
    has_soft_bounds = True

    def from_wire(self, wire: Wire) -> spaces.Box:
        dtype = wire["dtype"]
        if dtype not in BOX_DTYPES:
            raise ValueError(f"dtype {dtype!r} is not one of {', '.join(BOX_DTYPES)}")
        shape = read_shape(read_filled(wire["shape"], list))
        low, high = (_bound_from_wire(wire[name], shape, dtype) for name in ("low", "high"))
        # Compare the numbers of the message: one that the dtype cannot hold has become its limit.
        given = [[_number_from_wire(n) for n in _as_list(wire[name])] for name in ("low", "high")]
        count = max(map(len, given))
        pairs = zip(*(numbers * (count // len(numbers)) for numbers in given), strict=True)
        if any(lowest > highest for lowest, highest in pairs):
            raise ValueError("low must not be above high")
        return spaces.Box(low, high, shape=shape, dtype=np.dtype(dtype).type)

    def crosses_wire(self, space: spaces.Box) -> bool:
        return space.dtype.name in BOX_DTYPES and bool(space.shape)

    def to_wire(self, space: spaces.Box) -> dict[str, Any]:
        return {
            "type": self.wire_type,
            "shape": [int(n) for n in space.shape],
            "dtype": space.dtype.name,
            "low": _bound_to_wire(space.low),
            "high": _bound_to_wire(space.high),
        }

    def bytes_of_wire(self, wire: Wire) -> int:
        return math.prod(map(read_count, wire["shape"])) * _SECTIONS[wire["dtype"]][1]

    def section(self, space: spaces.Box) -> str:
        return _SECTIONS[space.dtype.name][0]

    def bounds(self, space: spaces.Box) -> tuple[Array, Array]:
        return space.low, space.high

    def contains(self, space: spaces.Box, value: Any) -> bool:
        array = value if isinstance(value, np.ndarray) else as_array(value)
        if array is None or array.dtype.kind not in "fiu" or array.shape != space.shape:
            return False
        # A search through bytes costs less than a reduction.
        return b"\0" not in ((array >= space.low) & (array <= space.high)).tobytes()

    def batch_dtypes(self, space: spaces.Box) -> str:
        return "fiu" if space.dtype.kind == "f" else "iub"

    def describe(self, space: spaces.Box) -> str:
        shape = "x".join(map(str, space.shape))
        return f"Box {shape} {space.dtype}, {space.low.min():g} to {space.high.max():g}"


def _as_list(bound: object) -> list[Any]:
    return bound if isinstance(bound, list) else [bound]


def _bound_from_wire(bound: object, shape: tuple[int, ...], dtype: str) -> Array:
    numbers = [_number_from_wire(n) for n in _as_list(bound)]
    if np.issubdtype(np.dtype(dtype), np.integer):
        # A box of integers has no infinite bound, so "unbounded" means the range of its dtype.
        limits = np.iinfo(dtype)
        if not all(math.isinf(n) or n == int(n) for n in numbers):
            raise ValueError("a bound of integers must be an integer")
        numbers = [limits.min if n < limits.min else limits.max if n > limits.max else int(n) for n in numbers]
    with np.errstate(over="ignore"):
        array = np.array(numbers, dtype=np.float64 if dtype.startswith("float") else dtype).astype(dtype)
    return np.broadcast_to(array.reshape(shape) if isinstance(bound, list) else array, shape).copy()


def _number_from_wire(value: object) -> float:
    if value in ("inf", "-inf"):
        return math.inf if value == "inf" else -math.inf
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
        raise ValueError(f"{value!r} must be a number, 'inf' or '-inf'")
    return value


def _bound_to_wire(bound: Array) -> object:
    values = [_number_to_wire(value) for value in bound.ravel().tolist()]
    return values[0] if len(set(values)) == 1 else values


def _number_to_wire(value: float) -> float | str:
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value

"""Discrete: one of n integers that follow each other (3.2)."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from godot_marl.protocol.space_kinds.kind import Array, LeafKind, Wire, check_mask_size
from godot_marl.protocol.space_kinds.wire_values import read_count, read_integer


class DiscreteKind(LeafKind[spaces.Discrete]):
    """Integers of 64 bits."""

    wire_type = "discrete"
    space_type = spaces.Discrete
    wire_limits = "Discrete of integers that fit into 64 bits"

    def from_wire(self, wire: Wire) -> spaces.Discrete:
        n, start = read_count(wire["n"]), read_integer(wire.get("start", 0))
        if start + n > 2**63:
            raise ValueError("its last integer does not fit into 64 bits")
        return spaces.Discrete(n, start=start)

    def crosses_wire(self, space: spaces.Discrete) -> bool:
        return int(space.start) + int(space.n) <= 2**63

    def to_wire(self, space: spaces.Discrete) -> dict[str, Any]:
        return {"type": self.wire_type, "n": int(space.n), "start": int(space.start)}

    def bytes_of_wire(self, wire: Wire) -> int:
        return 8

    def section(self, space: spaces.Discrete) -> str:
        return "i64"

    def bounds(self, space: spaces.Discrete) -> tuple[int, int]:
        return int(space.start), int(space.start) + int(space.n) - 1

    def contains(self, space: spaces.Discrete, value: Any) -> bool:
        if isinstance(value, np.ndarray):
            return value.size == 1 and value.dtype.kind in "iu" and bool(space.contains(int(value.item())))
        return bool(space.contains(value))

    def describe(self, space: spaces.Discrete) -> str:
        return f"Discrete {space.n}" + (f" from {space.start}" if space.start else "")

    def sample_mask(self, space: spaces.Discrete, mask: Array, where: str) -> Array:
        check_mask_size(space, mask, int(space.n), where)
        return mask

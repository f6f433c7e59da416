"""MultiBinary: an array of zeros and ones (3.4)."""

from __future__ import annotations

from typing import Any

from gymnasium import spaces

from godot_marl.protocol.space_kinds.kind import LeafKind, Wire, as_array
from godot_marl.protocol.space_kinds.wire_values import read_count, read_shape


class MultiBinaryKind(LeafKind[spaces.MultiBinary]):
    """Zeros and ones."""

    wire_type = "multi_binary"
    space_type = spaces.MultiBinary
    wire_limits = "MultiBinary of one dimension"

    def from_wire(self, wire: Wire) -> spaces.MultiBinary:
        return spaces.MultiBinary(read_shape([wire["n"]])[0])

    def crosses_wire(self, space: spaces.MultiBinary) -> bool:
        return len(space.shape) == 1

    def to_wire(self, space: spaces.MultiBinary) -> dict[str, Any]:
        return {"type": self.wire_type, "n": int(space.shape[0])}

    def bytes_of_wire(self, wire: Wire) -> int:
        return read_count(wire["n"])

    def section(self, space: spaces.MultiBinary) -> str:
        return "u8"

    def bounds(self, space: spaces.MultiBinary) -> tuple[int, int]:
        return 0, 1

    def contains(self, space: spaces.MultiBinary, value: Any) -> bool:
        array = as_array(value)
        return array is not None and bool(space.contains(array))

    def describe(self, space: spaces.MultiBinary) -> str:
        return f"MultiBinary {space.n}"

"""MultiDiscrete: an array of choices (3.3)."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from godot_marl.protocol.space_kinds.kind import Array, LeafKind, Wire, as_array, check_mask_size
from godot_marl.protocol.space_kinds.wire_values import read_count, read_filled


class MultiDiscreteKind(LeafKind[spaces.MultiDiscrete]):
    """Integers of 64 bits, each with a range of its own."""

    wire_type = "multi_discrete"
    space_type = spaces.MultiDiscrete
    wire_limits = "MultiDiscrete of one dimension whose choices start at 0"

    def from_wire(self, wire: Wire) -> spaces.MultiDiscrete:
        return spaces.MultiDiscrete([read_count(n) for n in read_filled(wire["nvec"], list)])

    def crosses_wire(self, space: spaces.MultiDiscrete) -> bool:
        return space.nvec.ndim == 1 and not np.any(space.start)

    def to_wire(self, space: spaces.MultiDiscrete) -> dict[str, Any]:
        return {"type": self.wire_type, "nvec": [int(n) for n in space.nvec]}

    def bytes_of_wire(self, wire: Wire) -> int:
        return 8 * len(wire["nvec"])

    def section(self, space: spaces.MultiDiscrete) -> str:
        return "i64"

    def bounds(self, space: spaces.MultiDiscrete) -> tuple[Array, Array]:
        return space.start, space.start + (space.nvec - 1)

    def contains(self, space: spaces.MultiDiscrete, value: Any) -> bool:
        # Some releases of Gymnasium accept numbers with a fraction, which the wire would cut off.
        array = as_array(value)
        return array is not None and array.dtype.kind in "iub" and bool(space.contains(array))

    def describe(self, space: spaces.MultiDiscrete) -> str:
        return f"MultiDiscrete {' '.join(map(str, space.nvec.tolist()))}"

    def sample_mask(self, space: spaces.MultiDiscrete, mask: Array, where: str) -> tuple[Array, ...]:
        check_mask_size(space, mask, int(space.nvec.sum()), where)
        return tuple(np.split(mask, np.cumsum(space.nvec)[:-1]))

"""Dict and Tuple: spaces that consist of others (3.5 and 3.6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from godot_marl.protocol.space_kinds.kind import CompositeKind, Wire
from godot_marl.protocol.space_kinds.wire_values import read_filled


class DictKind(CompositeKind[spaces.Dict]):
    """Members with names."""

    wire_type = "dict"
    space_type = spaces.Dict
    wire_limits = "Dict of these with at least one member, all keys strings"

    def crosses_wire(self, space: spaces.Dict) -> bool:
        return bool(space.spaces) and all(isinstance(name, str) for name in space.spaces)

    def members_from_wire(self, wire: Wire) -> dict[str, Any]:
        members = read_filled(wire["spaces"], dict)
        return {name: members[name] for name in sorted(members)}

    def members_to_wire(self, members: dict[str, Any]) -> dict[str, Any]:
        return members

    def make(self, members: dict[str, spaces.Space[Any]]) -> spaces.Dict:
        return spaces.Dict(members)

    def keys(self, space: spaces.Dict) -> Sequence[str]:
        return sorted(space.spaces)

    def member(self, space: spaces.Dict, key: str) -> spaces.Space[Any]:
        return space.spaces[key]

    def parts(self, space: spaces.Dict, value: Any) -> dict[str, Any] | None:
        return value if isinstance(value, dict) and value.keys() == space.spaces.keys() else None

    def combine(self, parts: dict[str, Any]) -> dict[str, Any]:
        return parts

    def suffix(self, key: str) -> str:
        return f".{key}"

    def describe(self, parts: dict[str, str]) -> str:
        return "{" + ", ".join(f"{name}: {text}" for name, text in parts.items()) + "}"


# In older releases of Gymnasium, Tuple takes no type argument.
class TupleKind(CompositeKind[Any]):
    """Members in an order."""

    wire_type = "tuple"
    space_type = spaces.Tuple
    wire_limits = "Tuple of these with at least one member"

    def crosses_wire(self, space: spaces.Tuple[Any]) -> bool:
        return bool(space.spaces)

    def members_from_wire(self, wire: Wire) -> dict[int, Any]:
        return dict(enumerate(read_filled(wire["spaces"], list)))

    def members_to_wire(self, members: dict[int, Any]) -> list[Any]:
        return list(members.values())

    def make(self, members: dict[int, spaces.Space[Any]]) -> spaces.Tuple[Any]:
        return spaces.Tuple(members.values())

    def keys(self, space: spaces.Tuple[Any]) -> Sequence[int]:
        return range(len(space.spaces))

    def member(self, space: spaces.Tuple[Any], key: int) -> spaces.Space[Any]:
        return space.spaces[key]

    def parts(self, space: spaces.Tuple[Any], value: Any) -> Sequence[Any] | None:
        is_sequence = isinstance(value, (tuple, list)) or (isinstance(value, np.ndarray) and value.ndim > 0)
        return value if is_sequence and len(value) == len(space.spaces) else None

    def combine(self, parts: dict[int, Any]) -> tuple[Any, ...]:
        return tuple(parts.values())

    def suffix(self, key: int) -> str:
        return f"[{key}]"

    def describe(self, parts: dict[int, str]) -> str:
        return "(" + ", ".join(parts.values()) + ")"

"""The kinds of spaces that there are, and which of them a space is."""

from __future__ import annotations

from typing import Any

from gymnasium import spaces

from godot_marl.errors import InvalidSpaceError
from godot_marl.protocol.space_kinds.box import BoxKind
from godot_marl.protocol.space_kinds.composites import DictKind, TupleKind
from godot_marl.protocol.space_kinds.discrete import DiscreteKind
from godot_marl.protocol.space_kinds.kind import CompositeKind, LeafKind
from godot_marl.protocol.space_kinds.multi_binary import MultiBinaryKind
from godot_marl.protocol.space_kinds.multi_discrete import MultiDiscreteKind

Kind = LeafKind[Any] | CompositeKind[Any]

KINDS: tuple[Kind, ...] = (
    BoxKind(),
    DiscreteKind(),
    MultiDiscreteKind(),
    MultiBinaryKind(),
    DictKind(),
    TupleKind(),
)
_BY_WIRE_TYPE = {kind.wire_type: kind for kind in KINDS}


def kind_of(space: spaces.Space[Any], where: str = "space") -> Kind:
    """The kind of a space; a subclass is of its parent's kind.

    Args:
        space: The space.
        where: What to call it in an error.

    Raises:
        InvalidSpaceError: It is of no kind of `KINDS`.
    """
    kind = next((kind for kind in KINDS if isinstance(space, kind.space_type)), None)
    if kind is None:
        raise InvalidSpaceError(
            "A space is of a type that godot-marl does not know.",
            where=where,
            expected="; ".join(kind.wire_limits for kind in KINDS),
            got=repr(space),
            remedy="Describe the values with these spaces, for example by a Box of numbers.",
        )
    return kind


def leaf_kind_of(space: spaces.Space[Any], where: str = "space") -> LeafKind[Any]:
    """The kind of a space that is not composite.

    Raises:
        InvalidSpaceError: It is composite, or of no kind of `KINDS`.
    """
    kind = kind_of(space, where)
    if not isinstance(kind, LeafKind):
        raise InvalidSpaceError(
            "A space is composite where a single array or number is needed.",
            where=where,
            expected="; ".join(kind.wire_limits for kind in KINDS if isinstance(kind, LeafKind)),
            got=repr(space),
        )
    return kind


def kind_of_wire(wire_type: object) -> Kind | None:
    """The kind of the descriptions with this `type`; None if there is none."""
    return _BY_WIRE_TYPE.get(wire_type) if isinstance(wire_type, str) else None

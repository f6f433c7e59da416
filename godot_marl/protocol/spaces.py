"""Spaces as they cross the wire (`docs/protocol.md`, section 3) and as Gymnasium knows them, of any kind."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gymnasium import spaces

from godot_marl.errors import InvalidSpaceError
from godot_marl.protocol.space_kinds.kind import CompositeKind, LeafKind
from godot_marl.protocol.space_kinds.registry import KINDS, kind_of, kind_of_wire

_MALFORMED = (KeyError, TypeError, ValueError, AssertionError, OverflowError)


def from_wire(wire: Mapping[str, Any], where: str = "space") -> spaces.Space[Any]:
    """Make the Gymnasium space that a wire space describes.

    Args:
        wire: A space as section 3 of the protocol has it.
        where: What to call it in an error.

    Raises:
        InvalidSpaceError: The description is malformed.
    """
    wire_type = wire.get("type") if isinstance(wire, Mapping) else None
    kind = kind_of_wire(wire_type)
    if kind is None:
        raise InvalidSpaceError(
            "A space has an unknown type.",
            where=where,
            expected=" or ".join(kind.wire_type for kind in KINDS),
            got=repr(wire_type),
            remedy="Build it with MarlSpace in the scene, or give a gymnasium.spaces object in Python.",
        )
    try:
        if isinstance(kind, LeafKind):
            space: spaces.Space[Any] = kind.from_wire(wire)
        else:
            members = kind.members_from_wire(wire)
            space = kind.make({key: from_wire(member, where + kind.suffix(key)) for key, member in members.items()})
        return space
    except InvalidSpaceError:
        raise
    except _MALFORMED as error:
        raise InvalidSpaceError(
            "A space is malformed.",
            where=where,
            expected="a space as in docs/protocol.md, section 3",
            got=f"{wire!r} ({type(error).__name__}: {error})",
            remedy="Build it with MarlSpace in the scene, or give a gymnasium.spaces object in Python.",
        ) from error


def to_wire(space: spaces.Space[Any], where: str = "space") -> dict[str, Any]:
    """Describe a Gymnasium space for the wire.

    Raises:
        InvalidSpaceError: Spaces of this type, or with these elements, do not cross the wire.
    """
    kind = kind_of(space, where)
    if not kind.crosses_wire(space):
        raise InvalidSpaceError(
            "This space does not cross the wire.", where=where, expected=kind.wire_limits, got=repr(space)
        )
    if isinstance(kind, LeafKind):
        return kind.to_wire(space)
    members = {key: to_wire(kind.member(space, key), where + kind.suffix(key)) for key in kind.keys(space)}
    return {"type": kind.wire_type, "spaces": kind.members_to_wire(members)}


def bytes_of_wire(wire: object) -> int:
    """How many bytes a value of the space takes in a message; a malformed description counts as nothing.

    A short description can be of a space that no memory holds, so the size is checked before the space is made.
    """
    kind = kind_of_wire(wire.get("type")) if isinstance(wire, Mapping) else None
    if kind is None:
        return 0
    assert isinstance(wire, Mapping)
    try:
        if isinstance(kind, LeafKind):
            return kind.bytes_of_wire(wire)
        return sum(map(bytes_of_wire, kind.members_from_wire(wire).values()))
    except _MALFORMED:
        return 0


def leaf_spaces(space: spaces.Space[Any], place: str = "") -> Iterator[tuple[str, LeafKind[Any], spaces.Space[Any]]]:
    """The leaves of a space: the place, the kind and the space of each.

    Raises:
        InvalidSpaceError: One is of an unknown type.
    """
    kind = kind_of(space, f"space{place}")
    if isinstance(kind, LeafKind):
        yield place, kind, space
        return
    for key in kind.keys(space):
        yield from leaf_spaces(kind.member(space, key), f"{place}[{key!r}]")


def leaves(
    space: spaces.Space[Any], value: Any, place: str = ""
) -> Iterator[tuple[str, LeafKind[Any], spaces.Space[Any], Any]]:
    """The leaves of a value: the place, the kind and the space of each, and the leaf itself.

    Raises:
        InvalidSpaceError: A space is of an unknown type.
    """
    kind = kind_of(space, f"space{place}")
    if isinstance(kind, LeafKind):
        yield place, kind, space, value
        return
    for key in kind.keys(space):
        yield from leaves(kind.member(space, key), value[key], f"{place}[{key!r}]")


def membership(space: spaces.Space[Any], where: str = "space") -> Callable[[Any], bool]:
    """A function that returns whether an action is in the space.

    It accepts numbers of another width, as trainers make them. The kinds are looked up once, not in each step.

    Raises:
        InvalidSpaceError: A space is of an unknown type.
    """
    kind = kind_of(space, where)
    if isinstance(kind, LeafKind):
        return functools.partial(kind.contains, space)
    members = {key: membership(kind.member(space, key), where + kind.suffix(key)) for key in kind.keys(space)}
    return functools.partial(_contains_all, kind, space, members)


# Not a closure, because environments are pickled.
def _contains_all(
    kind: CompositeKind[Any], space: spaces.Space[Any], members: dict[Any, Callable[[Any], bool]], action: Any
) -> bool:
    parts = kind.parts(space, action)
    return parts is not None and all(is_member(parts[key]) for key, is_member in members.items())

"""A second codec for the binary messages, written from `docs/protocol.md` alone: slow, plain, and with `struct` only.

Tests compare the product with it. A space is what clause 3 describes; the value of a leaf is a flat list of numbers.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from typing import Any

Space = dict[str, Any]
Sections = dict[str, list[Any]]

FORMATS = {"f64": "d", "i64": "q", "f32": "f", "i32": "i", "u8": "B"}
SECTION_OF_DTYPE = {
    "float64": "f64",
    "int64": "i64",
    "float32": "f32",
    "int8": "i32",
    "int16": "i32",
    "int32": "i32",
    "uint8": "u8",
}


def members(space: Space) -> list[tuple[Any, Space]]:
    """The members of a dict or tuple in the order of clauses 3.5 and 4.1."""
    spaces = space["spaces"]
    if space["type"] == "dict":
        return [(name, spaces[name]) for name in sorted(spaces, key=lambda name: [ord(letter) for letter in name])]
    return list(enumerate(spaces))


def leaf(space: Space) -> tuple[str, int]:
    """The section and the number of elements of a leaf (4.2)."""
    kind = space["type"]
    if kind == "discrete":
        return "i64", 1
    if kind == "multi_discrete":
        return "i64", len(space["nvec"])
    if kind == "multi_binary":
        return "u8", space["n"]
    size = 1
    for length in space["shape"]:
        size *= length
    return SECTION_OF_DTYPE[space["dtype"]], size


def is_leaf(space: Space) -> bool:
    return space["type"] not in ("dict", "tuple")


def put(space: Space, value: Any, sections: Sections) -> None:
    """Append a value, or zeros for None."""
    if is_leaf(space):
        section, size = leaf(space)
        sections[section] += [0] * size if value is None else value
        return
    for key, member in members(space):
        put(member, None if value is None else value[key], sections)


def take(space: Space, sections: dict[str, Iterator[Any]]) -> Any:
    """The next value of a space."""
    if is_leaf(space):
        section, size = leaf(space)
        return [next(sections[section]) for _ in range(size)]
    values = {key: take(member, sections) for key, member in members(space)}
    return values if space["type"] == "dict" else list(values.values())


def empty_sections() -> Sections:
    return {section: [] for section in FORMATS}


def pack(section: str, numbers: Sequence[Any]) -> bytes:
    return struct.pack(f"<{len(numbers)}{FORMATS[section]}", *numbers)


def decode_step(message: bytes, arenas: int, spaces: Sequence[Space]) -> tuple[int, list[list[Any]]]:
    """The request and the actions, arena by arena, slot by slot (section 5); None for a slot without one."""
    assert message[:4] == b"\x01\x00\x00\x00"
    (request,) = struct.unpack_from("<I", message, 4)
    widths = empty_sections()
    for space in spaces:
        put(space, None, widths)
    begin = 8
    sections: dict[str, Iterator[Any]] = {}
    for section in FORMATS:
        codec = struct.Struct(f"<{arenas * len(widths[section])}{FORMATS[section]}")
        sections[section] = iter(codec.unpack_from(message, begin))
        begin += codec.size
    action_present = message[begin:]
    assert len(action_present) == arenas * len(spaces)
    actions = [[take(space, sections) for space in spaces] for _ in range(arenas)]
    for place, mark in enumerate(action_present):
        assert mark in (0, 1)
        if not mark:
            actions[place // len(spaces)][place % len(spaces)] = None
    return request, actions


def decode_orders(message: bytes, arenas: int, spaces: Sequence[Space]) -> tuple[bytes, list[int], list[int]]:
    """A step request with orders (5.4): the same without them, for `decode_step`; the orders, and the seeds."""
    assert message[:4] == b"\x01\x01\x00\x00"
    size = len(message) - 9 * arenas
    reset_orders, seeds = message[size : size + arenas], message[size + arenas :]
    return b"\x01\x00" + message[2:size], list(reset_orders), list(struct.unpack(f"<{arenas}q", seeds))


def encode_reply(
    request: int,
    frames: int,
    spaces: Sequence[Space],
    mask_sizes: Sequence[int],
    state_space: Space | None,
    arenas: Sequence[dict[str, Any]],
    following: Sequence[dict[str, Any] | None] = (),
) -> bytes:
    """A reply (section 6). Each arena has lists by slot: rewards, flags, masks, observations; and state and infos.

    `following` has the same without rewards for the next episode of each arena that was reset (6.5), None for others.
    """
    begun = [arena for arena in following if arena is not None]
    tails = {}
    for member, parts in (("infos", arenas), ("next_infos", begun)):
        if any(arena["infos"] for arena in parts):
            tails[member] = [arena["infos"] for arena in parts]
    tail = json.dumps(tails).encode() if tails else b""
    header = struct.pack("<BBHIII", 2, 1 if following else 0, 0, request, len(tail), frames)
    message = header + b"".join(pack("f64", arena["rewards"]) for arena in arenas)
    message += encode_part(spaces, mask_sizes, state_space, arenas)
    if following:
        message += bytes(arena is not None for arena in following)
        message += encode_part(spaces, mask_sizes, state_space, begun)
    return message + tail


def encode_part(
    spaces: Sequence[Space], mask_sizes: Sequence[int], state_space: Space | None, arenas: Sequence[dict[str, Any]]
) -> bytes:
    """What both parts of a reply have (6.2 without the rewards)."""
    sections = empty_sections()
    flags, masks = b"", b""
    for arena in arenas:
        for space, observation in zip(spaces, arena["observations"], strict=True):
            put(space, observation, sections)
        if state_space is not None:
            put(state_space, arena["state"], sections)
        flags += bytes(arena["flags"])
        for size, mask in zip(mask_sizes, arena["masks"], strict=True):
            masks += bytes(size) if mask is None else bytes(mask)
    numbers = b"".join(pack(section, sections[section]) for section in ("f64", "i64", "f32", "i32"))
    return numbers + flags + masks + pack("u8", sections["u8"])

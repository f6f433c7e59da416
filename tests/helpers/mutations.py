"""Turns messages into others that are almost right. A tape of bytes decides, so that hypothesis can shorten it."""

from __future__ import annotations

import copy
import json
import struct
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

HUGE = 10**400
ODD_VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2, 0.5, 2.0, -0.0, 255, 256, 2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), HUGE,
    1e308, float("inf"), float("nan"), "", "0", "1", "inf", "-inf", "box", "discrete", "tuple", "ü", "\ud800", "\0",
    "9" * 5000, [], {}, [[]], [None], [1, 2], ["inf", 0], {"type": "box"}, {"": {}}, [0] * 100,
    {"type": "discrete", "n": 2**62, "start": 2**62}, {"type": "multi_binary", "n": 2**26},
    {"type": "box", "shape": [2**13, 2**13], "dtype": "float64", "low": 0, "high": 1},
    {"type": "tuple", "spaces": [{"type": "box", "shape": [2**24], "dtype": "float32", "low": 0, "high": 1}] * 9},
]  # fmt: skip
ODD_WORDS = [0, 1, 2, 3, 7, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1]
ODD_BYTES = [struct.pack("<d", float("nan")), struct.pack("<d", float("inf")), b"\xff" * 8, bytes(8), b"\xff\xfe\xfd"]


class Tape:
    """Choices; when the tape is at its end, all are the first."""

    def __init__(self, data: bytes) -> None:
        self._data = iter(data)

    def below(self, count: int) -> int:
        number = next(self._data, 0)
        if count > 256:
            number = number << 8 | next(self._data, 0)
        return number % count

    def one_of(self, values: Sequence[T]) -> T:
        return values[self.below(len(values))]


def places_of(value: Any) -> list[tuple[Any, Any]]:
    """Every container in a JSON value, with each key or index of it."""
    found: list[tuple[Any, Any]] = []
    stack = [value]
    while stack:
        container = stack.pop()
        if isinstance(container, (dict, list)):
            keys = list(container) if isinstance(container, dict) else list(range(len(container)))
            found += [(container, key) for key in keys]
            stack += [container[key] for key in keys]
    return found


def mutate_tree(tape: Tape, message: Any, others: Sequence[Any]) -> None:
    """Change a member of a JSON object, in its place."""
    places = places_of(message)
    if not places:
        return
    container, key = tape.one_of(places)
    other, other_key = tape.one_of(places)
    match tape.below(6):
        case 0 | 1:
            # A copy: what comes from the list must not change with the message.
            container[key] = copy.deepcopy(tape.one_of(ODD_VALUES))
        case 2:
            del container[key]
        case 3:
            container[key] = copy.deepcopy(other[other_key])
        case 4:
            if isinstance(container, dict):
                container[tape.one_of(["", "type", "n", "x" * 300, "\ud800"])] = container.pop(key)
            else:
                container.insert(key, copy.deepcopy(container[key]))
        case 5:
            container[key] = copy.deepcopy(tape.one_of(others))


def mutate_bytes(tape: Tape, data: bytes, others: Sequence[bytes]) -> bytes:
    """Change some bytes."""
    place = tape.below(len(data) + 1)
    end = min(len(data), place + 1 + tape.below(16))
    before, part, after = data[:place], data[place:end], data[end:]
    changes: list[Callable[[], bytes]] = [
        lambda: before + bytes([part[0] ^ 1 << tape.below(8)] if part else b"") + part[1:] + after,
        lambda: before,
        lambda: part + after,
        lambda: before + part + part + after,
        lambda: before + after,
        lambda: after + before,
        lambda: before + bytes([tape.below(256)]) + part + after,
        lambda: before + tape.one_of(ODD_BYTES) + after[: max(0, len(after) - 7)],
        lambda: word(tape, data),
        lambda: before + tape.one_of(others)[place:],
        lambda: bytes([tape.below(256) for _ in range(len(part))]),
        lambda: before + bytes([tape.one_of([0, 1, 3, 5, 9, 18, 33, 64, 255])]) + part[1:] + after,
    ]
    return tape.one_of(changes)()


def word(tape: Tape, data: bytes) -> bytes:
    """Another number in an aligned place, most often of a header."""
    place = 4 * tape.below(max(1, min(6, len(data) // 4)))
    return data[:place] + struct.pack("<I", tape.one_of(ODD_WORDS)) + data[place + 4 :]


def mutated_text(tape: Tape, message: Any, others: Sequence[Any]) -> str:
    """A control message that is almost right; some lone surrogates stand for bytes that are no UTF-8."""
    kind = tape.below(16)
    if kind == 0:
        return tape.one_of(['{"type":', "[" * 5000, '{"a":' * 3000, "", "\ufeff{}", "null", '"hello"', "NaN", "\0"])
    message = copy.deepcopy(message)
    for _ in range(tape.below(4) if kind < 12 else 0):
        mutate_tree(tape, message, others)
    text = json.dumps(message, ensure_ascii=bool(tape.below(2)))
    if kind == 13:
        # A member twice, with another value.
        text = text[:-1] + f', "{tape.one_of(["type", "agents", "arenas", "protocol"])}": {tape.below(3)}}}'
    if kind >= 14:
        raw = mutate_bytes(tape, text.encode("utf-8", "surrogatepass"), [b'{"type": "close"}'])
        text = raw.decode("utf-8", "surrogateescape")
    return text


def mutated_bytes(tape: Tape, message: bytes, others: Sequence[bytes]) -> bytes:
    for _ in range(tape.below(4)):
        message = mutate_bytes(tape, message, others)
    return message

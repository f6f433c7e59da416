"""Makes values for JSON of a reset's options, which Godot reads without a change, or raises an error with the place.

Godot's JSON makes every number a float64, and reads some of them wrong in the last bit. Its strings hold neither NUL
nor half of a surrogate pair. The bits of numbers that it may read wrong go along (`docs/protocol.md`, 2.4).
"""

from __future__ import annotations

import json
import math
import reprlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from godot_marl.errors import InvalidOptionError

# A float64 holds every integer up to here.
MOST_INTEGER = 2**53
# The depth of nested lists and dictionaries. The JSON readers of both sides end at some hundreds.
MOST_DEPTH = 100
# A number of so many characters, a point among them, has at most 15 digits. Every reader gets those right.
_SHORT = 16
_FLOAT64_BYTES = 8

Path = list[str | int]


@dataclass
class EncodedOptions:
    """Options that reach the game without a change.

    Attributes:
        values: The options of `dict`, `list`, `str`, `int`, `float`, `bool` and None only, for `json.dumps`.
        exact: The numbers whose bits go along: for each its path in the values, and the bytes of the float64,
            little-endian, in hexadecimal.
    """

    values: dict[str, Any] = field(default_factory=dict)
    exact: list[tuple[Path, str]] = field(default_factory=list)


def encode_options(options: object) -> EncodedOptions:
    """The options of a reset for the wire.

    Lists and tuples become Arrays. NumPy's numbers and arrays become the values of `tolist`.

    Raises:
        InvalidOptionError: The game would get other values.
    """
    encoder = _Encoder()
    if not isinstance(options, Mapping):
        encoder.refuse("a dictionary", options)
    return EncodedOptions(encoder.encode_members(dict(options)), encoder.exact)


class _Encoder:
    """Converts values depth first, and keeps the path to the current one.

    Attributes:
        exact: As in `EncodedOptions`.
    """

    def __init__(self) -> None:
        self.exact: list[tuple[Path, str]] = []
        self._path: Path = []

    def encode(self, value: object) -> Any:
        # Numbers and strings may be of subclasses, such as members of an enumeration.
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._encode_string(value)
        if isinstance(value, int):
            return self._encode_integer(value)
        if isinstance(value, float):
            return self._encode_float(value)
        if isinstance(value, dict):
            return self.encode_members(value)
        if isinstance(value, (list, tuple)):
            return self._encode_items(value)
        if isinstance(value, (np.generic, np.ndarray)) and _is_exact_in_python(value.dtype):
            return self.encode(value.tolist())
        return self.refuse("texts, finite numbers, booleans, None, and lists and dictionaries of these", value)

    def _encode_string(self, value: str) -> str:
        try:
            value.encode()
        except UnicodeEncodeError:
            self.refuse("a text of whole characters, without halves of surrogate pairs", value)
        if "\0" in value:
            self.refuse("a text without NUL, which no text of Godot can hold", value)
        return str.__str__(value)

    def _encode_integer(self, value: int) -> int:
        if abs(value) > MOST_INTEGER:
            self.refuse(
                "an integer from -2**53 to 2**53, since Godot's JSON makes every number a float",
                value,
                "Send it as a text, and let set_options() read that with to_int().",
            )
        return int.__int__(value)

    def _encode_float(self, value: float) -> float:
        if not math.isfinite(value):
            self.refuse("a finite number, since JSON has no other", value)
        # The text that `json` writes.
        text = float.__repr__(value)
        if len(text.lstrip("-")) > _SHORT or "e" in text:
            self.exact.append((list(self._path), struct.pack("<d", value).hex()))
        return float.__float__(value)

    def encode_members(self, value: dict[Any, Any]) -> dict[str, Any]:
        self._check_depth(value)
        members: dict[str, Any] = {}
        for key, member in value.items():
            if not isinstance(key, str):
                self.refuse("keys that are texts, as JSON has them", key, "Use a text, such as its str(), as the key.")
            self._path.append(str.__str__(key))
            name = self._encode_string(key)
            if name in members:
                self.refuse("keys that are different texts", key)
            members[name] = self.encode(member)
            self._path.pop()
        return members

    def _encode_items(self, value: list[Any] | tuple[Any, ...]) -> list[Any]:
        self._check_depth(value)
        items = []
        for index, item in enumerate(value):
            self._path.append(index)
            items.append(self.encode(item))
            self._path.pop()
        return items

    def _check_depth(self, value: object) -> None:
        if len(self._path) >= MOST_DEPTH:
            self.refuse(f"at most {MOST_DEPTH} lists and dictionaries in each other", value)

    def refuse(self, expected: str, got: object, remedy: str | None = None) -> NoReturn:
        """Raise the error for the current path."""
        where = "options" + "".join(f"[{json.dumps(key[:60] if isinstance(key, str) else key)}]" for key in self._path)
        # Python does not write the decimals of a very long integer.
        shown = f"{got.bit_length()} bits" if isinstance(got, int) and got.bit_length() > 64 else reprlib.repr(got)
        raise InvalidOptionError(
            "The options of a reset cannot reach the game as they are.",
            where=where if len(where) < 1000 else f"{where[:500]}...",
            expected=expected,
            got=f"{shown} ({type(got).__name__})".encode("utf-8", "backslashreplace").decode(),
            remedy=remedy or "Give options that JSON can hold; set_options() makes of them what the scene needs.",
        )


def _is_exact_in_python(dtype: np.dtype[Any]) -> bool:
    """Whether `tolist` returns equal values."""
    return dtype.kind in "biuU" or (dtype.kind == "f" and dtype.itemsize <= _FLOAT64_BYTES)

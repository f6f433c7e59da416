"""The options of a reset as JSON that Godot reads as the same values, or an error that says where they are not.

Godot's JSON makes every number a float64, reads some of them wrong in the last bit, has no NUL in a text and no half of
a surrogate pair. Numbers that it might read wrong are listed beside the JSON with their bits (`docs/protocol.md`, 2.4).
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
# How many containers may lie in each other: both sides have readers that go no deeper than some hundreds.
MOST_DEPTH = 100
# With so many characters, a point among them, no number has more than 15 digits, which every reader gets right.
_SHORT = 16
_FEW_BYTES = 8

Path = list[str | int]


@dataclass
class Plain:
    """Values that arrive as they are.

    Attributes:
        text: The values as JSON.
        exact: Numbers whose bits go along: for each its path in the values, and the bytes of the float64,
            little-endian, in hexadecimal.
    """

    text: str = ""
    exact: list[tuple[Path, str]] = field(default_factory=list)


def plain_options(options: object) -> Plain:
    """The options of a reset for the wire.

    Lists and tuples become Arrays, and NumPy's numbers and arrays what `tolist` makes of them.

    Raises:
        InvalidOptionError: The game would get something else than what is there.
    """
    writer = _Writer()
    if not isinstance(options, Mapping):
        writer.refuse("a dictionary", options)
    writer.plain.text = writer.write(dict(options))
    return writer.plain


class _Writer:
    """Writes JSON, and knows where it is."""

    def __init__(self) -> None:
        self.plain = Plain()
        self._path: Path = []

    def write(self, value: object) -> str:
        # Numbers and texts may be of classes of their own, such as members of an enumeration; they arrive as numbers
        # and texts.
        if value is None:
            return "null"
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, int):
            return self._integer(value)
        if isinstance(value, float):
            return self._float(value)
        if isinstance(value, dict):
            return self._members(value)
        if isinstance(value, (list, tuple)):
            return self._items(value)
        if isinstance(value, (np.generic, np.ndarray)) and _is_exact_in_python(value.dtype):
            return self.write(value.tolist())
        return self.refuse("texts, finite numbers, booleans, None, and lists and dictionaries of these", value)

    def _text(self, value: str) -> str:
        try:
            value.encode()
        except UnicodeEncodeError:
            self.refuse("a text of whole characters, without halves of surrogate pairs", value)
        if "\0" in value:
            self.refuse("a text without NUL, which no text of Godot can hold", value)
        return json.dumps(value)

    def _integer(self, value: int) -> str:
        if abs(value) > MOST_INTEGER:
            self.refuse(
                "an integer from -2**53 to 2**53, since Godot's JSON makes every number a float",
                value,
                "Send it as a text, and let set_options() read that with to_int().",
            )
        return int.__repr__(value)

    def _float(self, value: float) -> str:
        if not math.isfinite(value):
            self.refuse("a finite number, since JSON has no other", value)
        text = float.__repr__(value)
        if len(text.lstrip("-")) > _SHORT or "e" in text:
            self.plain.exact.append((list(self._path), struct.pack("<d", value).hex()))
        return text

    def _members(self, value: dict[Any, Any]) -> str:
        self._check_depth(value)
        texts: dict[str, str] = {}
        for key, member in value.items():
            if not isinstance(key, str):
                self.refuse("keys that are texts, as JSON has them", key, "Use a text, such as its str(), as the key.")
            self._path.append(str.__str__(key))
            name = self._text(key)
            if name in texts:
                self.refuse("keys that are different texts", key)
            texts[name] = self.write(member)
            self._path.pop()
        return "{" + ", ".join(f"{name}: {text}" for name, text in texts.items()) + "}"

    def _items(self, value: list[Any] | tuple[Any, ...]) -> str:
        self._check_depth(value)
        texts = []
        for index, item in enumerate(value):
            self._path.append(index)
            texts.append(self.write(item))
            self._path.pop()
        return "[" + ", ".join(texts) + "]"

    def _check_depth(self, value: object) -> None:
        if len(self._path) >= MOST_DEPTH:
            self.refuse(f"at most {MOST_DEPTH} lists and dictionaries in each other", value)

    def refuse(self, expected: str, got: object, remedy: str | None = None) -> NoReturn:
        """Raise the error about the place that is being written."""
        where = "options" + "".join(f"[{json.dumps(key[:60] if isinstance(key, str) else key)}]" for key in self._path)
        # Python writes no decimals of an integer that is too long.
        shown = f"{got.bit_length()} bits" if isinstance(got, int) and got.bit_length() > 64 else reprlib.repr(got)
        raise InvalidOptionError(
            "The options of a reset cannot reach the game as they are.",
            where=where if len(where) < 1000 else f"{where[:500]}...",
            expected=expected,
            got=f"{shown} ({type(got).__name__})".encode("utf-8", "backslashreplace").decode(),
            remedy=remedy or "Give options that JSON can hold; set_options() makes of them what the scene needs.",
        )


def _is_exact_in_python(dtype: np.dtype[Any]) -> bool:
    """Whether `tolist` makes the same values of NumPy's."""
    return dtype.kind in "biuU" or (dtype.kind == "f" and dtype.itemsize <= _FEW_BYTES)

"""Reads members of a control message, and raises an error for a wrong type (`docs/protocol.md`, section 2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# The largest integer of 32 bits. Nothing that a game counts is larger.
_MOST = 2**31 - 1


def text(message: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """A member that is a string.

    Raises:
        KeyError: It is missing, and there is no default.
        TypeError: It is something else.
    """
    value = message[name] if default is None else message.get(name, default)
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, not {value!r:.100}")
    return value


def boolean(message: Mapping[str, Any], name: str, default: bool) -> bool:
    """A member that is true or false.

    Raises:
        TypeError: It is something else.
    """
    value = message.get(name, default)
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be true or false, not {value!r:.100}")
    return value


def count(message: Mapping[str, Any], name: str, least: int, default: int | None = None) -> int:
    """A member that is an integer, which many JSON writers send as 2.0.

    Raises:
        KeyError: It is missing, and there is no default.
        ValueError: It is out of range, or something else.
    """
    value = message[name] if default is None else message.get(name, default)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not least <= value <= _MOST or value != int(value):
        raise ValueError(f"{name} must be an integer from {least} to {_MOST}, not {value!r:.100}")
    return int(value)


def objects(message: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """A member that is a list of objects; empty if it is missing.

    Raises:
        TypeError: It is something else.
    """
    value = message.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise TypeError(f"{name} must be a list of objects, not {value!r:.100}")
    return value

"""Spaces as they cross the wire (`docs/protocol.md`, section 3) and as Gymnasium knows them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
from gymnasium import spaces

from godot_marl.errors import InvalidSpaceError

BOX_DTYPES = ("float32", "float64", "int8", "int16", "int32", "int64", "uint8")
# As many bytes as the largest message (`godot_marl.link`) has.
MAX_BYTES = MAX_ELEMENTS = 1 << 26

_ELEMENT_BYTES = {"float32": 4, "float64": 8, "int8": 4, "int16": 4, "int32": 4, "int64": 8, "uint8": 1}

_Filled = TypeVar("_Filled", list[Any], dict[str, Any])


def from_wire(wire: Mapping[str, Any], where: str = "space") -> spaces.Space[Any]:
    """Make the Gymnasium space that a wire space describes.

    Args:
        wire: A space as section 3 of the protocol has it.
        where: What to call it in an error.

    Raises:
        InvalidSpaceError: The description is malformed.
    """
    kind = wire.get("type") if isinstance(wire, Mapping) else None
    try:
        match kind:
            case "discrete":
                n, start = _count(wire["n"]), _integer(wire.get("start", 0))
                if start + n > 2**63:
                    raise ValueError("its last integer does not fit into 64 bits")
                return spaces.Discrete(n, start=start)
            case "multi_discrete":
                return spaces.MultiDiscrete([_count(n) for n in _filled(wire["nvec"], list)])
            case "multi_binary":
                return spaces.MultiBinary(_size([wire["n"]])[0])
            case "box":
                return _box_from_wire(wire)
            case "dict":
                members = _filled(wire["spaces"], dict)
                return spaces.Dict({name: from_wire(members[name], f"{where}.{name}") for name in sorted(members)})
            case "tuple":
                items = _filled(wire["spaces"], list)
                return spaces.Tuple([from_wire(item, f"{where}[{i}]") for i, item in enumerate(items)])
    except InvalidSpaceError:
        raise
    except (KeyError, TypeError, ValueError, AssertionError, OverflowError) as error:
        raise InvalidSpaceError(
            "A space is malformed.",
            where=where,
            expected="a space as in docs/protocol.md, section 3",
            got=f"{wire!r} ({type(error).__name__}: {error})",
            remedy="Build it with MarlSpace in the scene, or give a gymnasium.spaces object in Python.",
        ) from error
    raise InvalidSpaceError(
        "A space has an unknown type.",
        where=where,
        expected="box, discrete, multi_discrete, multi_binary, dict or tuple",
        got=repr(kind),
    )


def to_wire(space: spaces.Space[Any], where: str = "space") -> dict[str, Any]:
    """Describe a Gymnasium space for the wire.

    Raises:
        InvalidSpaceError: Spaces of this type, or with these elements, do not cross the wire.
    """
    match space:
        case spaces.Discrete():
            return {"type": "discrete", "n": int(space.n), "start": int(space.start)}
        case spaces.MultiDiscrete() if space.nvec.ndim == 1 and not np.any(space.start):
            return {"type": "multi_discrete", "nvec": [int(n) for n in space.nvec]}
        case spaces.MultiBinary() if len(space.shape) == 1:
            return {"type": "multi_binary", "n": int(space.shape[0])}
        case spaces.Box() if space.dtype.name in BOX_DTYPES and space.shape:
            return {
                "type": "box",
                "shape": [int(n) for n in space.shape],
                "dtype": space.dtype.name,
                "low": _bound_to_wire(space.low),
                "high": _bound_to_wire(space.high),
            }
        case spaces.Dict():
            return {
                "type": "dict",
                "spaces": {name: to_wire(member, f"{where}.{name}") for name, member in sorted(space.spaces.items())},
            }
        case spaces.Tuple():
            return {"type": "tuple", "spaces": [to_wire(m, f"{where}[{i}]") for i, m in enumerate(space.spaces)]}
    raise InvalidSpaceError(
        "This space does not cross the wire.",
        where=where,
        expected="Box (of " + ", ".join(BOX_DTYPES) + "; one dimension or more), Discrete, MultiDiscrete and "
        "MultiBinary of one dimension, and Dict and Tuple of these",
        got=repr(space),
    )


def bytes_of_wire(wire: object) -> int:
    """How many bytes a value of the space takes in a message; what is malformed counts as nothing.

    A short description can be of a space that no memory holds, so this is to be known before it is made.
    """
    if not isinstance(wire, Mapping):
        return 0
    members = wire.get("spaces")
    if wire.get("type") in ("dict", "tuple") and isinstance(members, (dict, list)):
        return sum(map(bytes_of_wire, members.values() if isinstance(members, dict) else members))
    try:
        match wire.get("type"):
            case "box":
                return math.prod(map(_count, wire["shape"])) * _ELEMENT_BYTES[wire["dtype"]]
            case "multi_binary":
                return _count(wire["n"])
            case "multi_discrete":
                return 8 * len(wire["nvec"])
            case "discrete":
                return 8
    except (KeyError, TypeError, ValueError, OverflowError):
        pass
    return 0


def _integer(value: object) -> int:
    # Many JSON writers know one type of number only, so 2.0 is an integer too.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
        raise ValueError(f"{value!r} must be an integer")
    return int(value)


def leaves(space: spaces.Space[Any], value: Any, place: str = "") -> Iterator[tuple[str, spaces.Space[Any], Any]]:
    """The members of a value of a nested space: where each is, its space, and the member."""
    if isinstance(space, spaces.Dict):
        for name, member in space.spaces.items():
            yield from leaves(member, value[name], f"{place}[{name!r}]")
    elif isinstance(space, spaces.Tuple):
        for i, member in enumerate(space.spaces):
            yield from leaves(member, value[i], f"{place}[{i}]")
    else:
        yield place, space, value


def _count(value: object) -> int:
    count = _integer(value)
    if count < 1:
        raise ValueError(f"{value!r} must be at least 1")
    return count


def _size(shape: list[object]) -> tuple[int, ...]:
    lengths = tuple(_count(length) for length in shape)
    if math.prod(lengths) > MAX_ELEMENTS:
        raise ValueError(f"{math.prod(lengths)} elements are more than fit into a message")
    return lengths


def _filled(value: object, kind: type[_Filled]) -> _Filled:
    if not isinstance(value, kind) or not value:
        raise ValueError(f"{value!r} must be a {kind.__name__} that is not empty")
    return value


def _box_from_wire(wire: Mapping[str, Any]) -> spaces.Box:
    dtype = wire["dtype"]
    if dtype not in BOX_DTYPES:
        raise ValueError(f"dtype {dtype!r} is not one of {', '.join(BOX_DTYPES)}")
    shape = _size(_filled(wire["shape"], list))
    low, high = (_bound_from_wire(wire[name], shape, dtype) for name in ("low", "high"))
    # As they were written: what does not fit into the type has become its limit.
    given = [[_number_from_wire(n) for n in _as_list(wire[name])] for name in ("low", "high")]
    count = max(map(len, given))
    if any(least > most for least, most in zip(*(numbers * (count // len(numbers)) for numbers in given), strict=True)):
        raise ValueError("low must not be above high")
    return spaces.Box(low, high, shape=shape, dtype=np.dtype(dtype).type)


def _as_list(bound: object) -> list[Any]:
    return bound if isinstance(bound, list) else [bound]


def _bound_from_wire(bound: object, shape: tuple[int, ...], dtype: str) -> np.ndarray[Any, Any]:
    numbers = [_number_from_wire(n) for n in _as_list(bound)]
    if np.issubdtype(np.dtype(dtype), np.integer):
        # An integer box cannot be unbounded: its type's own range is what "unbounded" means.
        limits = np.iinfo(dtype)
        if not all(math.isinf(n) or n == int(n) for n in numbers):
            raise ValueError("a bound of integers must be an integer")
        numbers = [limits.min if n < limits.min else limits.max if n > limits.max else int(n) for n in numbers]
    with np.errstate(over="ignore"):
        array = np.array(numbers, dtype=np.float64 if dtype.startswith("float") else dtype).astype(dtype)
    return np.broadcast_to(array.reshape(shape) if isinstance(bound, list) else array, shape).copy()


def _number_from_wire(value: object) -> float:
    if value in ("inf", "-inf"):
        return math.inf if value == "inf" else -math.inf
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
        raise ValueError(f"{value!r} must be a number, 'inf' or '-inf'")
    return value


def _bound_to_wire(bound: np.ndarray[Any, Any]) -> object:
    values = [_number_to_wire(value) for value in bound.ravel().tolist()]
    return values[0] if len(set(values)) == 1 else values


def _number_to_wire(value: float) -> float | str:
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value

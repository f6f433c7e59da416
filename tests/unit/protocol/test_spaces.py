"""Spaces between Gymnasium and the wire."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from godot_marl.errors import InvalidSpaceError
from godot_marl.protocol.space_kinds.box import BOX_DTYPES
from godot_marl.protocol.space_kinds.wire_values import MAX_ELEMENTS
from godot_marl.protocol.spaces import from_wire, to_wire


def there_and_back(space: spaces.Space[Any]) -> spaces.Space[Any]:
    return from_wire(json.loads(json.dumps(to_wire(space))))


@pytest.mark.parametrize(
    "space",
    [
        spaces.Discrete(5),
        spaces.Discrete(3, start=-1),
        spaces.MultiDiscrete([2, 3, 4]),
        spaces.MultiBinary(6),
        spaces.Box(-1.0, 1.0, (3,), np.float32),
        spaces.Box(np.array([[0.1, -np.inf]], np.float32), np.array([[0.3, np.inf]], np.float32)),
        spaces.Box(-np.inf, np.inf, (2, 2), np.float64),
        spaces.Box(0, 255, (4, 4, 3), np.uint8),
        spaces.Box(-128, 127, (1,), np.int8),
        spaces.Box(np.iinfo(np.int64).min, np.iinfo(np.int64).max, (2,), np.int64),
        spaces.Box(-(2**53) - 1, 2**62 + 1, (2,), np.int64),
        spaces.Dict({"b": spaces.Discrete(2), "a": spaces.Tuple([spaces.MultiBinary(2), spaces.Discrete(3)])}),
        spaces.Tuple([spaces.Discrete(2), spaces.Dict({"x": spaces.Box(0.0, 1.0, (1,))})]),
    ],
    ids=repr,
)
def test_a_space_comes_back_as_it_was(space: spaces.Space[Any]) -> None:
    assert there_and_back(space) == space


@pytest.mark.parametrize("dtype", BOX_DTYPES)
def test_an_unbounded_box_keeps_its_type(dtype: str) -> None:
    space = from_wire({"type": "box", "shape": [2], "dtype": dtype, "low": "-inf", "high": "inf"})
    assert isinstance(space, spaces.Box)
    assert space.dtype.name == dtype
    widest = (-np.inf, np.inf) if dtype.startswith("float") else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    assert (space.low[0], space.high[1]) == widest


def test_whole_floats_are_integers() -> None:
    assert from_wire({"type": "discrete", "n": 4.0, "start": -1.0}) == spaces.Discrete(4, start=-1)
    assert from_wire({"type": "multi_discrete", "nvec": [2.0, 3.0]}) == spaces.MultiDiscrete([2, 3])
    box = from_wire({"type": "box", "shape": [2.0], "dtype": "uint8", "low": 0.0, "high": 255.0})
    assert box == spaces.Box(0, 255, (2,), np.uint8)


def test_the_members_of_a_dict_come_by_name_in_either_direction() -> None:
    members = {"b": {"type": "multi_binary", "n": 1}, "B": {"type": "multi_binary", "n": 2}}
    space = from_wire({"type": "dict", "spaces": members})
    assert isinstance(space, spaces.Dict)
    assert list(space.spaces) == ["B", "b"]
    assert list(to_wire(space)["spaces"]) == ["B", "b"]


@pytest.mark.parametrize(
    "space",
    [
        spaces.Text(5),
        spaces.Sequence(spaces.Discrete(2)),
        spaces.Box(0.0, 1.0, ()),
        spaces.Box(0, 1, (2,), np.uint16),
        spaces.Box(0, 1, (2,), np.float16),
        spaces.MultiDiscrete([[2, 3], [4, 5]]),
        spaces.MultiDiscrete([2, 3], start=[1, 1]),
        spaces.MultiBinary([2, 2]),
    ],
    ids=repr,
)
def test_a_space_that_does_not_cross_the_wire_is_refused(space: spaces.Space[Any]) -> None:
    with pytest.raises(InvalidSpaceError) as error:
        to_wire(space, "action_space")
    assert error.value.where == "action_space"
    assert error.value.got == repr(space)


def test_an_error_in_a_member_names_its_place_in_either_direction() -> None:
    bad = spaces.Dict({"hand": spaces.Tuple([spaces.Discrete(2), spaces.Text(3)])})
    with pytest.raises(InvalidSpaceError) as error:
        to_wire(bad, "action_space")
    assert error.value.where == "action_space.hand[1]"
    wire = {"type": "dict", "spaces": {"hand": {"type": "tuple", "spaces": [{"type": "discrete", "n": 0}]}}}
    with pytest.raises(InvalidSpaceError) as error:
        from_wire(wire, "get_action_space()")
    assert error.value.where == "get_action_space().hand[0]"


@pytest.mark.parametrize("wire", [None, 3, "box", [], {}, {"type": None}, {"type": ["box"]}, {"type": "graph"}])
def test_a_space_of_unknown_type_is_rejected(wire: Any) -> None:
    with pytest.raises(InvalidSpaceError, match="unknown type"):
        from_wire(wire)


@pytest.mark.parametrize("low", [None, "nan", float("nan"), True, [0.0, None], [[0.0, 0.0]], {}])
def test_a_bound_that_is_no_number_is_refused(low: Any) -> None:
    with pytest.raises(InvalidSpaceError, match="malformed"):
        from_wire({"type": "box", "shape": [2], "dtype": "float32", "low": low, "high": 1.0})


@pytest.mark.parametrize("shape", [[MAX_ELEMENTS + 1], [10**6, 10**6], [10**30], [float("inf")]])
def test_a_box_too_large_for_a_message_is_refused_before_it_takes_memory(shape: list[Any]) -> None:
    with pytest.raises(InvalidSpaceError):
        from_wire({"type": "box", "shape": shape, "dtype": "uint8", "low": 0, "high": 1})


@pytest.mark.parametrize("n", [MAX_ELEMENTS + 1, 10**300])
def test_a_multi_binary_too_large_for_a_message_is_refused(n: int) -> None:
    with pytest.raises(InvalidSpaceError):
        from_wire({"type": "multi_binary", "n": n})


def test_a_bound_beyond_float32_is_infinite() -> None:
    space = from_wire({"type": "box", "shape": [1], "dtype": "float32", "low": -1e300, "high": 1e300})
    assert space == spaces.Box(-np.inf, np.inf, (1,), np.float32)

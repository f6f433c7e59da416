"""What the suite says of values, without any engine."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium import spaces

from godot_marl.errors import SceneError
from godot_marl.testing import Finding, Level
from godot_marl.testing.report import align
from godot_marl.testing.space_values import describe_space, difference_of, is_unbounded, outside_of

BOX = spaces.Box(-1.0, 1.0, (2, 2))
NESTED = spaces.Dict(a=BOX, b=spaces.Tuple([spaces.Discrete(3), spaces.MultiBinary(2)]))


def box(*numbers: float) -> np.ndarray:
    return np.array(numbers, np.float32).reshape(2, 2)


def test_values_differ_by_their_bits() -> None:
    assert difference_of(BOX, box(0, 1, 2, 3), box(0, 1, 2, 3)) is None
    assert difference_of(BOX, box(0, 1, 2.5, 4), box(0, 1, 2, 3)) == "[1][0] is 2.5 instead of 2.0"
    assert difference_of(BOX, box(0, 1, 2, 3), box(-0.0, 1, 2, 3)) == "[0][0] is 0.0 instead of -0.0"
    nan = box(0, np.nan, 0, 0)
    assert difference_of(BOX, nan, nan.copy()) is None


def test_a_difference_deep_in_a_space_is_named() -> None:
    one = {"a": box(0, 0, 0, 0), "b": (1, np.array([0, 1], np.int8))}
    other = {"a": box(0, 0, 0, 0), "b": (1, np.array([0, 0], np.int8))}
    assert difference_of(NESTED, one, other) == "['b'][1][1] is 1 instead of 0"
    assert difference_of(NESTED, {**one, "b": (2, one["b"][1])}, one) == "['b'][0] is 2 instead of 1"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (box(0, 1, -1, 0), None),
        (box(0, 0, 0, 3), "[1][1] is 3.0, not -1.0 to 1.0"),
        (box(0, np.nan, 0, 3), "[0][1] is nan, not -1.0 to 1.0"),
        (np.zeros(3, np.float32), " is [0. 0. 0.], not in Box 2x2 float32, -1 to 1"),
    ],
)
def test_a_value_outside_its_space_is_named(value: np.ndarray, text: str | None) -> None:
    assert outside_of(BOX, value) == text


def test_spaces_as_short_text() -> None:
    assert describe_space(NESTED) == "{a: Box 2x2 float32, -1 to 1, b: (Discrete 3, MultiBinary 2)}"
    assert describe_space(spaces.Discrete(3, start=2)) == "Discrete 3 from 2"
    assert describe_space(spaces.MultiDiscrete([2, 3])) == "MultiDiscrete 2 3"
    assert not is_unbounded(NESTED)
    assert is_unbounded(spaces.Tuple([spaces.Dict(x=spaces.Box(0.0, np.inf, (1,)))]))


def test_a_table_is_aligned() -> None:
    assert align([("A", "LONG", "C"), ("word", "x", "")]) == ["A     LONG  C", "word  x"]


def test_an_error_becomes_a_fault_with_all_its_parts() -> None:
    error = SceneError("It is nobody's turn.", where="/root/A", expected="one", got="none", remedy="Mend it.")
    fault = Finding.of_error("plays", error)
    assert not fault.passed
    assert fault == Finding("plays", Level.FAULT, "It is nobody's turn. Expected one; got none.", "/root/A", "Mend it.")
    assert str(fault).splitlines()[1:] == [
        "                      where: /root/A",
        "                      what to do: Mend it.",
    ]

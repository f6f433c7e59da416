"""Options of a reset: the encoded options say what was given, and nothing else is encoded."""

from __future__ import annotations

import enum
import json
import math
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from option_values import TEXTS, VALUES, deep, same

from godot_marl.errors import InvalidOptionError
from godot_marl.protocol.codec import encode_reset
from godot_marl.protocol.reset_options import MOST_DEPTH, encode_options


class Level(enum.IntEnum):
    HARD = 3


class Different(str):
    """A text that is equal to nothing but itself."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


RING: list[Any] = []
RING.append(RING)
# What no JSON of Godot can hold, and JSON's own values, with which it must not be mistaken.
STRANGE = st.sampled_from(
    [2**53 + 1, -(2**63), 10**5000, math.nan, math.inf, "\0", "\ud83d", "\ud83d\ude00", b"x", {1}, 1j, object(), {1: 2},
     {None: 1}, {"\ud800": 1}, RING, np.uint64(2**63), np.float32("nan"), np.datetime64("2026-01-01"), range(3)],
)  # fmt: skip


def read_options(message: str) -> dict[str, Any]:
    """The options of a reset message, with their exact numbers checked."""
    (reset,) = json.loads(message)["arenas"]
    options: dict[str, Any] = reset["options"]
    for path, digits in reset.get("exact", []):
        holder: Any = options
        for step in path[:-1]:
            holder = holder[step]
        assert holder[path[-1]] == struct.unpack("<d", bytes.fromhex(digits))[0]
    return options


# -- What is sent ------------------------------------------------------------------------------------------------------


@given(st.dictionaries(TEXTS, VALUES))
def test_encoded_options_equal_the_given_ones(options: dict[str, Any]) -> None:
    assert same(read_options(encode_reset(1, {0: (1, encode_options(options))})), options)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.int64(3), "3"),
        (np.float32(0.1), "0.10000000149011612"),
        (np.bool_(True), "true"),
        (np.array([[1, 2], [3, 4]], np.uint8), "[[1, 2], [3, 4]]"),
        (np.array(2.5), "2.5"),
        (np.array(["a", "ü"]), '["a", "\\u00fc"]'),
        (np.str_("a"), '"a"'),
        ((1, (2.0, None)), "[1, [2.0, null]]"),
        (Level.HARD, "3"),
    ],
    ids=repr,
)
def test_numpy_values_and_tuples_become_json_values(value: object, text: str) -> None:
    assert json.dumps(encode_options({"value": value}).values) == f'{{"value": {text}}}'


def test_only_numbers_that_a_reader_might_round_are_sent_twice() -> None:
    options = {"a": [1.5, 0.1, 1 / 3], "b": 2**53, "c": -123456789012345.0, "d": 1e-300}
    assert [path for path, _ in encode_options(options).exact] == [["a", 2], ["c"], ["d"]]


# -- What is not -------------------------------------------------------------------------------------------------------

WRONG: dict[str, tuple[Any, str, str, str]] = {
    "an integer of 54 bits": ({"a": 2**53 + 1}, '["a"]', "from -2**53 to 2**53", "9007199254740993 (int)"),
    "an integer of many bits": ({"a": -(10**5000)}, '["a"]', "from -2**53 to 2**53", "16610 bits (int)"),
    "NaN": ({"level": [0, 1, 2, math.nan]}, '["level"][3]', "a finite number", "nan (float)"),
    "infinity": ({"a": {"b": [-math.inf]}}, '["a"]["b"][0]', "a finite number", "-inf (float)"),
    "NaN of NumPy": ({"a": np.array([[0, math.nan]])}, '["a"][0][1]', "a finite number", "nan (float)"),
    "a large integer of NumPy": ({"a": np.uint64(2**60)}, '["a"]', "from -2**53 to 2**53", "1152921504606846976 (int)"),
    "a date of NumPy": ({"a": np.datetime64("2026-01-01")}, '["a"]', "texts, finite", "datetime64"),
    "a longer float of NumPy": ({"a": np.longdouble(1)}, '["a"]', "texts, finite", "longdouble"),
    "objects in an array": ({"a": np.array([None], object)}, '["a"]', "texts, finite", "ndarray"),
    "NUL": ({"a": "x\0y"}, '["a"]', "without NUL", r"'x\x00y' (str)"),
    "half a pair": ({"a": "\ud83d"}, '["a"]', "whole characters", r"'\ud83d' (str)"),
    "a pair in two halves": ({"a": "\ud83d\ude00"}, '["a"]', "whole characters", "(str)"),
    "a key with half a pair": ({"\ud800": 1}, r'["\ud800"]', "whole characters", "(str)"),
    "a key with NUL": ({"a": {"\0": 1}}, r'["a"]["\u0000"]', "without NUL", "(str)"),
    "a number as key": ({"a": [{1: 2}]}, '["a"][0]', "keys that are texts", "1 (int)"),
    "a number of 5,000 digits as key": ({10**5000: 2}, "", "keys that are texts", "bits (int)"),
    "None as key": ({None: 2}, "", "keys that are texts", "None (NoneType)"),
    "the same key twice": ({Different("a"): 1, Different("a"): 2}, '["a"]', "different texts", "'a' (Different)"),
    "bytes": ({"a": b"ab"}, '["a"]', "texts, finite", "b'ab' (bytes)"),
    "a set": ({"a": {1}}, '["a"]', "texts, finite", "{1} (set)"),
    "an object": ({"a": object()}, '["a"]', "texts, finite", "(object)"),
    "too deep": ({"a": deep(MOST_DEPTH)}, '["a"]' + "[0]" * (MOST_DEPTH - 1), "100 lists and", "(list)"),
    "a ring": ({"a": RING}, '["a"]' + "[0]" * (MOST_DEPTH - 1), "100 lists and", "(list)"),
    "no dictionary": ([1], "", "a dictionary", "[1] (list)"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_an_option_that_json_changes_is_an_error_with_its_place(wrong: str) -> None:
    options, place, expected, got = WRONG[wrong]
    with pytest.raises(InvalidOptionError) as error:
        encode_options(options)
    assert error.value.where == f"options{place}"
    assert expected in (error.value.expected or "")
    assert got in (error.value.got or "")
    assert error.value.remedy
    # It can be printed and sent.
    assert str(error.value).encode()


@given(VALUES, STRANGE)
def test_one_unsupported_value_among_others_is_found(value: Any, strange: Any) -> None:
    for options in ({"a": value, "b": [value, strange]}, {"a": [{"c": value, "b": strange}]}):
        with pytest.raises(InvalidOptionError) as error:
            encode_options(options)
        assert str(error.value.where).startswith(('options["b"][1]', 'options["a"][0]["b"]'))


def test_an_option_without_a_repr_or_with_an_endless_one_is_an_error_too() -> None:
    class Loud:
        def __repr__(self) -> str:
            return "x" * 10_000_000

    class Mute:
        def __repr__(self) -> str:
            raise RuntimeError

    for value in (Loud(), Mute()):
        with pytest.raises(InvalidOptionError) as error:
            encode_options({"a": value})
        assert len(str(error.value)) < 2000

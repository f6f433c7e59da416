"""GymGodot's messages, byte for byte, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from godot_marl import errors
from godot_marl.gymgodot import protocol

BOX = spaces.Box(-1, 1, (2,))


@pytest.mark.parametrize(
    ("space", "action", "sent"),
    [
        (spaces.Discrete(3), 2, "[2]"),
        (spaces.Discrete(3), np.int64(2), "[2]"),
        (spaces.Discrete(3), np.array([1]), "[1]"),
        (spaces.Discrete(3, start=5), 5, "[5]"),
        (spaces.Discrete(3), 9, "[9]"),
        (BOX, np.array([0.5, -7.25]), "[0.5, -7.25]"),
        (BOX, [1, 0], "[1, 0]"),
        (spaces.Box(-1, 1, ()), np.float64(0.5), "[0.5]"),
        (spaces.Box(-1, 1, (2, 2)), np.eye(2), "[[1.0, 0.0], [0.0, 1.0]]"),
        (spaces.MultiDiscrete([3, 3]), np.array([1, 2]), "[1, 2]"),
        (spaces.MultiBinary(2), np.array([True, False]), "[1, 0]"),
    ],
)
def test_an_action_is_a_list_in_every_case(space: spaces.Space[Any], action: Any, sent: str) -> None:
    assert protocol.step_message(action, space) == f'{{"cmd": "step", "action": {sent}}}'


@pytest.mark.parametrize(
    ("space", "action"),
    [
        (spaces.Discrete(3), 1.5),
        (spaces.Discrete(3), None),
        (spaces.Discrete(3), [1, 2]),
        (BOX, [0.5]),
        (BOX, [0.5, float("nan")]),
        (BOX, [0.5, float("inf")]),
        (BOX, ["a", "b"]),
        (BOX, [[1.0], [1.0, 2.0]]),
    ],
)
def test_an_action_of_another_size_or_type_is_an_error(space: spaces.Space[Any], action: Any) -> None:
    with pytest.raises(errors.InvalidActionError):
        protocol.step_message(action, space)


@pytest.mark.parametrize(
    ("space", "values", "expected"),
    [
        (BOX, "[1, 2.5]", np.array([1, 2.5], np.float32)),
        (BOX, "[true, -1e30]", np.array([1, -1e30], np.float32)),
        (BOX, f"[1{'0' * 30}, -1{'0' * 400}]", np.array([1e30, -np.inf], np.float32)),
        (BOX, "[1e400, -inf]", np.array([np.inf, -np.inf], np.float32)),
        (spaces.Box(0, 1, (2, 1), np.float64), "[0.1, 300]", np.array([[0.1], [300]])),
        (spaces.Box(0, 9, (2,), np.uint8), "[3.0, 255]", np.array([3, 255], np.uint8)),
        (spaces.MultiDiscrete([2, 2]), "[5, 1]", np.array([5, 1])),
        (spaces.MultiDiscrete([2, 2]), "[9007199254740993, 1e-400]", np.array([2**53 + 1, 0])),
        (spaces.MultiDiscrete([2, 2]), "[9007199254740993, 1.0]", np.array([2**53 + 1, 1])),
        (spaces.MultiBinary(2), "[[1], [0]]", np.array([1, 0], np.int8)),
    ],
)
def test_an_observation_has_the_spaces_shape_and_type_and_no_bounds(
    space: spaces.Space[Any], values: str, expected: np.ndarray[Any, Any]
) -> None:
    observation = protocol.read_reset(f'{{"init_observation": {values}}}', space)
    assert observation.dtype == space.dtype
    np.testing.assert_array_equal(observation, expected, strict=True)


def test_a_discrete_observation_is_a_number() -> None:
    observation = protocol.read_reset('{"init_observation": [4]}', spaces.Discrete(3))
    assert observation == 4
    assert isinstance(observation, np.int64)


@pytest.mark.parametrize(
    ("values", "got"),
    [
        ("[1]", "1 values, [1]"),
        ("[1, 2, 3]", "3 values, [1, 2, 3]"),
        ("[]", "0 values, []"),
        ("null", "None"),
        ('{"a": 1}', "{'a': 1}"),
        ("2", "2"),
        ("[1, nan]", "NaN at [1]"),
        ("[-nan,1]", "NaN at [0]"),
        ("[1.#QNAN, 1]", "NaN at [0]"),
        ("[1, null]", "None"),
        ('["1", "(2, 3)"]', "'1'"),
        ("[[1], [2, 3]]", "[[1], [2, 3]]"),
    ],
)
def test_an_observation_that_does_not_fit_is_an_error_that_says_what_came(values: str, got: str) -> None:
    with pytest.raises(errors.InvalidObservationError) as error:
        protocol.read_reset(f'{{"init_observation": {values}}}', BOX)
    assert error.value.got == got


@pytest.mark.parametrize(("values", "got"), [("[1, 256]", "256 at [1]"), ("[2.5, 1]", "2.5 at [0]")])
def test_a_value_that_the_type_cannot_hold_is_an_error(values: str, got: str) -> None:
    with pytest.raises(errors.InvalidObservationError, match="cannot hold") as error:
        protocol.read_reset(f'{{"init_observation": {values}}}', spaces.Box(0, 255, (2,), np.uint8))
    assert error.value.got == got


def test_a_step_has_observation_reward_and_end() -> None:
    answer = protocol.read_step(b'{"done":true,"observation":[0,1],"reward":2,"more":0}', BOX)
    assert answer[1:] == (2.0, True)
    assert isinstance(answer[1], float)


@pytest.mark.parametrize(
    ("reward", "done", "what"),
    [("nan", "true", "reward"), ("true", "true", "reward"), ("null", "true", "reward"), ("1", "0", "done"),
     ("1", '"yes"', "done"), ("1", "null", "done")],
)  # fmt: skip
def test_a_reward_and_an_end_of_another_type_are_errors(reward: str, done: str, what: str) -> None:
    with pytest.raises(errors.InvalidObservationError, match=what):
        protocol.read_step(f'{{"observation": [1, 2], "reward": {reward}, "done": {done}}}', BOX)


@pytest.mark.parametrize(
    "message",
    ["", "[" * 100_000, "hello", "[1]", "1", "{}", '{"observation": [1, 2]}', b"\xff", '{"init_observation": [1, 2]}'],
)
def test_another_answer_is_a_protocol_error(message: str | bytes) -> None:
    with pytest.raises(errors.ProtocolError):
        protocol.read_step(message, BOX)


def test_the_answer_to_render_is_an_error_code() -> None:
    assert protocol.read_render('{"render_error":"0"}') == "0"
    assert protocol.read_render('{"render_error": 12}') == "12"


@pytest.mark.parametrize("code", ["{}", "[0]", "null", "true", "0.0", "-1", '"OK"', '""'])
def test_another_error_code_than_one_of_godot_is_a_protocol_error(code: str) -> None:
    with pytest.raises(errors.ProtocolError, match="has no error code"):
        protocol.read_render(f'{{"render_error": {code}}}')


def test_a_number_that_is_infinite_in_its_type_alone_is_an_error() -> None:
    with pytest.raises(errors.InvalidObservationError, match="cannot hold") as error:
        protocol.read_reset('{"init_observation": [0, 1e39]}', BOX)
    assert error.value.got == "1e+39 at [1]"


def test_an_error_shows_the_beginning_of_a_long_answer() -> None:
    long = '"' + "x" * 100_000 + '"'
    for reward, done in ((long, "true"), ("1", long)):
        with pytest.raises(errors.InvalidObservationError) as error:
            protocol.read_step(f'{{"observation": [1, 2], "reward": {reward}, "done": {done}}}', BOX)
        assert len(str(error.value)) < 1000


@pytest.mark.parametrize("space", [None, spaces.Dict(a=BOX), spaces.Tuple([BOX]), spaces.Text(3), "Discrete(2)"])
def test_a_space_that_cannot_cross_is_an_error(space: object) -> None:
    with pytest.raises(errors.InvalidSpaceError) as error:
        protocol.check_space("action_space", space)
    assert error.value.where == "action_space"

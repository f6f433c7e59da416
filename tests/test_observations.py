"""Checks of what a scene answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from godot_marl.codec import Reply
from godot_marl.errors import InvalidObservationError
from godot_marl.observations import ObservationChecker, ObservationOutOfBoundsWarning
from godot_marl.protocol import AgentDescription, SceneDescription


def checker_for(*observation_spaces: spaces.Space[Any]) -> ObservationChecker:
    agents = [
        AgentDescription(f"cart_{i}", f"/root/Main/Cart{i}", "default", space, spaces.Discrete(2))
        for i, space in enumerate(observation_spaces)
    ]
    return ObservationChecker(SceneDescription(tuple(agents), 1, 60))


def floats(*numbers: float) -> np.ndarray[Any, Any]:
    return np.array(numbers, np.float32)


def reply_with(*rewards: float) -> Reply:
    empty = np.zeros((1, 0), np.uint8)
    return Reply(1, 1, np.array([rewards]), np.ones((1, len(rewards)), np.uint8), empty, {})


BOX = spaces.Box(-1.0, 1.0, (2,), np.float32)


def test_what_is_in_its_space_passes() -> None:
    nested = spaces.Dict({"a": BOX, "b": spaces.Tuple([spaces.Discrete(3), spaces.MultiBinary(2)])})
    observation = {"a": floats(0.5, -1.0), "b": (np.int64(2), np.array([0, 1], np.int8))}
    checker_for(nested).check(0, observation)


def test_a_box_without_bounds_holds_infinite_numbers() -> None:
    checker_for(spaces.Box(-np.inf, np.inf, (2,), np.float32)).check(0, floats(np.inf, -np.inf))


@pytest.mark.parametrize("space", [BOX, spaces.Box(-np.inf, np.inf, (2,), np.float32)])
def test_nan_is_an_error_that_names_agent_and_method(space: spaces.Box) -> None:
    with pytest.raises(InvalidObservationError, match="agent cart_1") as error:
        checker_for(BOX, space).check(1, floats(0.0, np.nan))
    assert error.value.where == "/root/Main/Cart1.get_observation()"
    assert "nan" in str(error.value.got)


def test_nan_deep_inside_is_an_error_that_names_the_place() -> None:
    space = spaces.Dict({"eyes": spaces.Tuple([BOX, BOX])})
    with pytest.raises(InvalidObservationError) as error:
        checker_for(space).check(0, {"eyes": (floats(0, 0), floats(np.nan, 0))})
    assert "cart_0['eyes'][1]" in error.value.what


@pytest.mark.parametrize(
    ("space", "value"),
    [
        (spaces.Discrete(3), np.int64(3)),
        (spaces.Discrete(3, start=5), np.int64(4)),
        (spaces.MultiDiscrete([2, 3]), np.array([1, 3])),
        (spaces.MultiBinary(2), np.array([0, 2], np.int8)),
    ],
)
def test_an_integer_that_its_space_does_not_have_is_an_error(space: spaces.Space[Any], value: Any) -> None:
    with pytest.raises(InvalidObservationError) as error:
        checker_for(space).check(0, value)
    assert error.value.expected == str(space)
    assert error.value.got == str(value)


def test_out_of_bounds_is_warned_of_once_for_each_agent_and_nothing_is_clipped() -> None:
    checker = checker_for(BOX, BOX)
    observation = floats(2.0, 0.0)
    with pytest.warns(ObservationOutOfBoundsWarning, match="agent cart_0"):
        checker.check(0, observation)
    # A second one would be an error: pytest is told so.
    checker.check(0, observation)
    with pytest.warns(ObservationOutOfBoundsWarning, match="agent cart_1"):
        checker.check(1, observation)
    assert observation.tolist() == [2.0, 0.0]


def test_nan_is_an_error_even_after_the_warning() -> None:
    checker = checker_for(BOX)
    with pytest.warns(ObservationOutOfBoundsWarning):
        checker.check(0, floats(2.0, 0.0))
    with pytest.raises(InvalidObservationError):
        checker.check(0, floats(2.0, np.nan))


def test_rewards_are_python_numbers_in_the_order_of_the_slots_asked_for() -> None:
    rewards = checker_for(BOX, BOX, BOX).rewards(reply_with(1.0, -np.inf, 0.25), [2, 0, 1])
    assert rewards == [0.25, 1.0, -np.inf]
    assert all(type(reward) is float for reward in rewards)


def test_a_reward_that_is_no_number_is_an_error_that_names_agent_and_method() -> None:
    with pytest.raises(InvalidObservationError, match="agent cart_1") as error:
        checker_for(BOX, BOX).rewards(reply_with(1.0, np.nan), [0, 1])
    assert error.value.where == "/root/Main/Cart1.get_reward()"


def test_a_reward_that_nobody_asked_for_may_be_anything() -> None:
    assert checker_for(BOX, BOX).rewards(reply_with(1.0, np.nan), [0]) == [1.0]

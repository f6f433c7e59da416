"""Checks of what a scene answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import wire_reference as reference
from gymnasium import spaces

from godot_marl.core.observation_validation import ObservationOutOfBoundsWarning, ObservationValidator, validate_state
from godot_marl.errors import InvalidObservationError
from godot_marl.protocol.codec import MessageCodec, Reply
from godot_marl.protocol.messages import AgentDescription, SceneDescription
from godot_marl.protocol.spaces import to_wire


def validator_for(*observation_spaces: spaces.Space[Any]) -> ObservationValidator:
    agents = [
        AgentDescription(f"cart_{i}", f"/root/Main/Cart{i}", "default", space, spaces.Discrete(2))
        for i, space in enumerate(observation_spaces)
    ]
    return ObservationValidator(SceneDescription(tuple(agents), 1, 60))


def floats(*numbers: float) -> np.ndarray[Any, Any]:
    return np.array(numbers, np.float32)


def reply_with(*rewards: float) -> Reply:
    empty = np.zeros((1, 0), np.uint8)
    return Reply(1, 1, np.array([rewards]), np.ones((1, len(rewards)), np.uint8), empty, {})


BOX = spaces.Box(-1.0, 1.0, (2,), np.float32)


def test_values_in_their_space_pass() -> None:
    nested = spaces.Dict({"a": BOX, "b": spaces.Tuple([spaces.Discrete(3), spaces.MultiBinary(2)])})
    observation = {"a": floats(0.5, -1.0), "b": (np.int64(2), np.array([0, 1], np.int8))}
    validator_for(nested).validate(0, observation)


def test_a_box_without_bounds_holds_infinite_numbers() -> None:
    validator_for(spaces.Box(-np.inf, np.inf, (2,), np.float32)).validate(0, floats(np.inf, -np.inf))


@pytest.mark.parametrize("space", [BOX, spaces.Box(-np.inf, np.inf, (2,), np.float32)])
def test_nan_is_an_error_that_names_agent_and_method(space: spaces.Box) -> None:
    with pytest.raises(InvalidObservationError, match="agent cart_1") as error:
        validator_for(BOX, space).validate(1, floats(0.0, np.nan))
    assert error.value.where == "/root/Main/Cart1.get_observation()"
    assert "nan" in str(error.value.got)


def test_nan_deep_inside_is_an_error_that_names_the_place() -> None:
    space = spaces.Dict({"eyes": spaces.Tuple([BOX, BOX])})
    with pytest.raises(InvalidObservationError) as error:
        validator_for(space).validate(0, {"eyes": (floats(0, 0), floats(np.nan, 0))})
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
        validator_for(space).validate(0, value)
    assert error.value.expected == str(space)
    assert error.value.got == str(value)


def test_out_of_bounds_warns_once_for_each_agent_and_clips_nothing() -> None:
    checker = validator_for(BOX, BOX)
    observation = floats(2.0, 0.0)
    with pytest.warns(ObservationOutOfBoundsWarning, match="agent cart_0"):
        checker.validate(0, observation)
    # A second one would be an error: pytest raises warnings.
    checker.validate(0, observation)
    with pytest.warns(ObservationOutOfBoundsWarning, match="agent cart_1"):
        checker.validate(1, observation)
    assert observation.tolist() == [2.0, 0.0]


def test_nan_is_an_error_even_after_the_warning() -> None:
    checker = validator_for(BOX)
    with pytest.warns(ObservationOutOfBoundsWarning):
        checker.validate(0, floats(2.0, 0.0))
    with pytest.raises(InvalidObservationError):
        checker.validate(0, floats(2.0, np.nan))


@pytest.mark.parametrize(
    ("state", "place", "got"),
    [
        ({"ball": floats(0.0, np.nan), "turn": 0}, "['ball']", "nan at [1]"),
        ({"ball": floats(0.0, 0.0), "turn": 2}, "['turn']", "2"),
    ],
)
def test_a_state_that_is_not_in_its_space_is_an_error_with_its_place(state: Any, place: str, got: str) -> None:
    space = spaces.Dict({"ball": BOX, "turn": spaces.Discrete(2)})
    with pytest.raises(InvalidObservationError) as error:
        validate_state(space, state)
    assert str(error.value).startswith(f"The state{place} is not in its space.")
    assert error.value.where == "get_state() of the scene's root"
    assert error.value.got == got


def test_a_state_may_be_out_of_bounds() -> None:
    validate_state(BOX, floats(9.0, np.inf))


def test_rewards_are_python_numbers_in_the_order_of_the_slots_asked_for() -> None:
    rewards = validator_for(BOX, BOX, BOX).rewards(reply_with(1.0, -np.inf, 0.25), [2, 0, 1])
    assert rewards == [0.25, 1.0, -np.inf]
    assert all(type(reward) is float for reward in rewards)


def test_a_reward_that_is_no_number_is_an_error_that_names_agent_and_method() -> None:
    with pytest.raises(InvalidObservationError, match="agent cart_1") as error:
        validator_for(BOX, BOX).rewards(reply_with(1.0, np.nan), [0, 1])
    assert error.value.where == "/root/Main/Cart1.get_reward()"


def test_a_reward_of_an_unrequested_slot_may_be_anything() -> None:
    assert validator_for(BOX, BOX).rewards(reply_with(1.0, np.nan), [0]) == [1.0]


# -- All agents at once ------------------------------------------------------------------------------------------------


def message_of(space: spaces.Space[Any], *values: Any) -> tuple[ObservationValidator, MessageCodec, Reply]:
    """A reply in which each agent of one space has a value, with a state behind that is outside everything."""
    agents = tuple(
        AgentDescription(f"a_{i}", f"/root/A{i}", "p", space, spaces.Discrete(2)) for i in range(len(values))
    )
    scene = SceneDescription(agents, 1, 60, state_space=spaces.Box(-np.inf, np.inf, (1,), np.float32))
    codec = scene.make_codec()
    arena = {
        "flags": [1] * len(values),
        "rewards": [0.0] * len(values),
        "masks": [None] * len(values),
        "observations": values,
        "state": [np.nan],
        "infos": {},
    }
    wire, state = to_wire(space), to_wire(spaces.Box(-np.inf, np.inf, (1,), np.float32))
    message = reference.encode_reply(1, 1, [wire] * len(values), [0] * len(values), state, [arena])
    return ObservationValidator(scene), codec, codec.decode_reply(message)


@pytest.mark.parametrize(
    ("space", "good", "bad"),
    [
        (BOX, [0.5, -1.0], [0.5, 1.5]),
        (BOX, [1.0, -1.0], [np.nan, 0.0]),
        (spaces.Box(-np.inf, np.inf, (2,), np.float32), [np.inf, -np.inf], [0.0, np.nan]),
        (spaces.Box(-1.0, np.inf, (2,), np.float64), [np.inf, -1.0], [0.0, -np.inf]),
        (spaces.Box(0, 200, (2,), np.uint8), [0, 200], [0, 201]),
        (spaces.Box(-5, 5, (2,), np.int8), [-5, 5], [-6, 0]),
        (spaces.Box(-5, 5, (2,), np.int64), [-5, 5], [-6, 0]),
        (spaces.Discrete(3, start=-1), [1], [2]),
        (spaces.Discrete(3, start=-1), [-1], [-2]),
        (spaces.MultiDiscrete([2, 3]), [1, 2], [2, 0]),
        (spaces.MultiBinary(2), [0, 1], [0, 2]),
        (
            spaces.Dict({"a": BOX, "b": spaces.Tuple([spaces.Discrete(3), BOX])}),
            {"a": [0.0, 0.0], "b": [[2], [1.0, 1.0]]},
            {"a": [0.0, 0.0], "b": [[2], [1.0, 1.1]]},
        ),
    ],
    ids=str,
)
def test_the_slots_out_of_bounds_are_those_that_fail_validation(space: spaces.Space[Any], good: Any, bad: Any) -> None:
    checker, codec, reply = message_of(space, good, bad, good, good, bad)
    assert sorted(checker.slots_out_of_bounds(reply, 0)) == [1, 4]
    checker, codec, reply = message_of(space, good, good)
    assert not checker.slots_out_of_bounds(reply, 0)
    for slot, observation in enumerate(codec.observations(reply, 0, [0, 1])):
        checker.validate(slot, observation)


def test_an_image_has_no_slots_out_of_bounds() -> None:
    checker, _, reply = message_of(spaces.Box(0, 255, (1, 1, 3), np.uint8), [0, 128, 255])
    assert not checker.slots_out_of_bounds(reply, 0)


def test_rewards_that_are_infinite_in_both_directions_are_numbers() -> None:
    assert validator_for(BOX, BOX).rewards(reply_with(np.inf, -np.inf), [0, 1]) == [np.inf, -np.inf]


def test_the_warning_points_at_the_code_outside_of_the_package() -> None:
    with pytest.warns(ObservationOutOfBoundsWarning) as caught:
        validator_for(BOX).validate(0, floats(2.0, 0.0))
    assert caught[0].filename == __file__

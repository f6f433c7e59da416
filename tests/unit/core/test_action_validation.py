"""Actions are checked before they are sent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from godot_marl.core.action_validation import ActionValidator, DiscreteFastPath, validate_names
from godot_marl.errors import InvalidActionError

BOX = spaces.Box(-1.0, 1.0, (2,), np.float32)


@pytest.mark.parametrize(
    ("space", "action"),
    [
        (spaces.Discrete(3), 2),
        (spaces.Discrete(3), np.int64(2)),
        (spaces.Discrete(3), np.int32(0)),
        (spaces.Discrete(3), np.array(1)),
        (spaces.Discrete(3), np.array([1])),
        (spaces.Discrete(3, start=-1), -1),
        (BOX, np.zeros(2, np.float32)),
        (BOX, np.ones(2, np.float64)),
        (BOX, [0.5, -1]),
        (spaces.MultiDiscrete([2, 3]), np.array([1, 2])),
        (spaces.MultiBinary(2), np.array([1, 0], np.int8)),
    ],
)
def test_an_action_in_its_space_passes(space: spaces.Space[Any], action: Any) -> None:
    ActionValidator({"cart_0": space}).validate({"cart_0": action})


@pytest.mark.parametrize(
    ("space", "action"),
    [
        (spaces.Discrete(3), 3),
        (spaces.Discrete(3), -1),
        (spaces.Discrete(3), 1.0),
        (spaces.Discrete(3), "1"),
        (spaces.Discrete(3), None),
        (spaces.Discrete(3), np.array([1, 2])),
        (spaces.Discrete(3), np.array(1.0)),
        (BOX, [0.5, 1.5]),
        (BOX, [0.5]),
        (BOX, [np.nan, 0.0]),
        (BOX, ["0.5", "0.5"]),
        (BOX, 0.5),
        (spaces.MultiDiscrete([2, 3]), np.array([2, 0])),
        (spaces.MultiBinary(2), np.array([2, 0], np.int8)),
    ],
)
def test_an_action_outside_its_space_is_refused(space: spaces.Space[Any], action: Any) -> None:
    with pytest.raises(InvalidActionError) as caught:
        ActionValidator({"cart_0": space}).validate({"cart_0": action})
    assert caught.value.where == "cart_0"
    assert caught.value.expected == str(space)
    assert caught.value.got == f"{type(action).__name__}: {action!r}"


def test_actions_of_finished_agents_are_ignored() -> None:
    validate_names({"a_0": 0, "a_1": 0}, ["a_0"], {"a_0", "a_1"})


@pytest.mark.parametrize(
    ("actions", "where"),
    [({"a_0": 0}, "a_1"), ({}, "a_0, a_1"), ({"a_0": 0, "a_1": 0, "b_0": 0}, "b_0"), ([0, 0], "step(actions)")],
)
def test_missing_and_unknown_names_are_refused(actions: Any, where: str) -> None:
    with pytest.raises(InvalidActionError) as caught:
        validate_names(actions, ["a_0", "a_1"], {"a_0", "a_1"})
    assert caught.value.where == where


@pytest.mark.parametrize("action", [-1, 1, np.int8(1), np.uint32(0), np.int64(-1)], ids=repr)
def test_an_integer_in_the_range_needs_no_check(action: Any) -> None:
    space = spaces.Discrete(3, start=-1)
    assert space.contains(action)
    assert DiscreteFastPath({"a_0": space}).needing_check({"a_0": action}) == []


@pytest.mark.parametrize("action", [-2, 2, 2**70, 1.0, None, np.array(1), np.bool_(True), np.uint64(0)], ids=repr)
def test_anything_else_is_checked(action: Any) -> None:
    usual = DiscreteFastPath({"a_0": spaces.Discrete(3, start=-1), "a_1": BOX})
    assert usual.needing_check({"a_1": np.zeros(2), "a_0": action, "nobody": 0}) == ["a_1", "a_0", "nobody"]

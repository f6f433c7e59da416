"""Each part of the package knows each kind of space, and refuses all others with a clear error."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector.utils import batch_space, iterate

from godot_marl.core.action_validation import ActionValidator
from godot_marl.core.observation_validation import ObservationOutOfBoundsWarning, ObservationValidator, validate_state
from godot_marl.errors import InvalidActionError, InvalidObservationError, InvalidSpaceError
from godot_marl.protocol.codec import MessageCodec
from godot_marl.protocol.messages import AgentDescription, Configuration, SceneDescription
from godot_marl.protocol.space_kinds.kind import LeafKind
from godot_marl.protocol.space_kinds.registry import KINDS, kind_of, leaf_kind_of
from godot_marl.protocol.space_layout import SECTION_DTYPES, SECTIONS, SpaceLayout
from godot_marl.protocol.spaces import bytes_of_wire, from_wire, leaf_spaces, leaves, to_wire
from godot_marl.testing.space_values import describe_space, difference_of, is_unbounded, outside_of
from godot_marl.vector.batch_layout import BatchLayout, row_of
from godot_marl.wrappers import blank_observation

Space = spaces.Space[Any]

EXAMPLES: dict[type, list[Space]] = {
    spaces.Box: [
        *(
            spaces.Box(-3, 7, (2, 3), dtype)
            for dtype in (np.float32, np.float64, np.int8, np.int16, np.int32, np.int64)
        ),
        spaces.Box(10, 200, (4,), np.uint8),
        spaces.Box(np.array([-1.0, -np.inf], np.float32), np.array([0.0, np.inf], np.float32)),
    ],
    spaces.Discrete: [spaces.Discrete(3), spaces.Discrete(4, start=-9), spaces.Discrete(2, start=2**63 - 2)],
    spaces.MultiDiscrete: [spaces.MultiDiscrete([2, 5, 1])],
    spaces.MultiBinary: [spaces.MultiBinary(3)],
    spaces.Dict: [spaces.Dict({"ö": spaces.Discrete(2), "a": spaces.Dict(b=spaces.MultiBinary(2))})],
    spaces.Tuple: [spaces.Tuple([spaces.Discrete(2), spaces.Dict(b=spaces.Box(0.0, 1.0, (2,)))])],
}
ALL = [space for examples in EXAMPLES.values() for space in examples]
LEAVES = [space for space in ALL if isinstance(kind_of(space), LeafKind)]


class Foreign(spaces.Space[int]):
    """A space of a class that Gymnasium does not have."""

    def __init__(self) -> None:
        super().__init__((), np.int64)

    def sample(self, mask: Any = None, probability: Any = None) -> int:
        return 0

    def contains(self, x: Any) -> bool:
        return bool(x == 0)


UNKNOWN: list[Space] = [
    Foreign(),
    spaces.Text(5),
    spaces.Sequence(spaces.Discrete(2)),
    spaces.OneOf([spaces.Discrete(2), spaces.Discrete(3)]),
    spaces.Graph(spaces.Discrete(2), None),
]


class OwnBox(spaces.Box): ...


class OwnDiscrete(spaces.Discrete): ...


class OwnMultiDiscrete(spaces.MultiDiscrete): ...


class OwnMultiBinary(spaces.MultiBinary): ...


class OwnDict(spaces.Dict): ...


class OwnTuple(spaces.Tuple): ...


OWN = {own.__bases__[0]: own for own in (OwnBox, OwnDiscrete, OwnMultiDiscrete, OwnMultiBinary, OwnDict, OwnTuple)}


def subclassed(space: Space) -> Space:
    """The same space of a class of the user's own."""
    copied = copy.deepcopy(space)
    copied.__class__ = OWN[type(space)]
    return copied


def scene_of(observation: Space, action: Space, state: Space | None = None) -> SceneDescription:
    return SceneDescription((AgentDescription("a_0", "/root/A", "p", observation, action),), 1, 60, state_space=state)


def sample_of(space: Space) -> Any:
    space.seed(3)
    return space.sample()


def beyond(space: Space) -> list[Any]:
    """Values of a leaf's shape and dtype that lie below and above its bounds, as far as the dtype has some."""
    low, high = (
        np.broadcast_to(bound, space.shape or ()).astype(object) for bound in leaf_kind_of(space).bounds(space)
    )
    found = []
    for values in (low - 1, high + 1):
        given = np.array(values, object)
        limits = np.iinfo(space.dtype) if np.dtype(space.dtype).kind in "iu" else np.finfo(space.dtype)
        if all(float(limits.min) <= n <= float(limits.max) and int(n) < 2**63 for n in given.ravel()):
            found.append(given.astype(space.dtype) if space.shape else space.dtype.type(given[()]))
    return found


def test_each_kind_has_an_example() -> None:
    assert set(EXAMPLES) == {kind.space_type for kind in KINDS}
    assert all(type(space) is space_type for space_type, examples in EXAMPLES.items() for space in examples)


@pytest.mark.parametrize("space", [*ALL, *map(subclassed, ALL)], ids=str)
def test_the_wire_describes_the_space_and_its_size(space: Space) -> None:
    wire = json.loads(json.dumps(to_wire(space)))
    # Gymnasium compares the types of spaces, too.
    assert to_wire(from_wire(wire)) == wire
    assert wire["type"] == kind_of(space).wire_type
    widths = SpaceLayout(space).widths
    assert bytes_of_wire(wire) == sum(np.dtype(SECTION_DTYPES[name]).itemsize * width for name, width in widths.items())
    assert all(kind.section(leaf) in SECTIONS for _, kind, leaf in leaf_spaces(space))


@pytest.mark.parametrize("space", [*ALL, *map(subclassed, ALL)], ids=str)
def test_a_value_comes_back_from_the_sections(space: Space) -> None:
    value, layout = sample_of(space), SpaceLayout(space)
    rows = {name: np.zeros(width, SECTION_DTYPES[name]) for name, width in layout.widths.items()}
    layout.pack(value, rows)
    found = layout.unpack(rows)
    assert difference_of(space, found, value) is None
    assert outside_of(space, found) is None
    batch = batch_space(space, 3)
    batch.seed(1)
    values, batches = batch.sample(), BatchLayout(space)
    batches.validate(values, np.ones(3, bool), str)
    unpacked = batches.unpack(batches.pack(values, 3), 3)
    for row, expected in enumerate(iterate(batch, values)):
        assert difference_of(space, row_of(unpacked, row), expected) is None


@pytest.mark.parametrize("space", [*ALL, *map(subclassed, ALL)], ids=str)
def test_values_of_the_space_pass_all_checks(space: Space) -> None:
    blank = blank_observation(space, "a_0")
    for value in (sample_of(space), blank):
        validator = ActionValidator({"a_0": space})
        validator.validate({"a_0": value})
        # Environments, which hold it, are pickled.
        assert pickle.dumps(validator)
        ObservationValidator(scene_of(space, space)).validate(0, value)
        validate_state(space, value)
    assert blank in space
    assert describe_space(space)
    assert is_unbounded(space) == any("inf" in str(leaf) for _, _, leaf in leaf_spaces(space))


@pytest.mark.parametrize("space", LEAVES, ids=str)
def test_values_beyond_the_bounds_pass_no_check(space: Space) -> None:
    assert beyond(space) or space.dtype == np.int64 or is_unbounded(space)
    soft = leaf_kind_of(space).has_soft_bounds
    for value in beyond(space):
        with pytest.raises(InvalidActionError):
            ActionValidator({"a_0": space}).validate({"a_0": value})
        with pytest.raises(InvalidActionError, match="outside its action space"):
            BatchLayout(space).validate(np.stack([value, value]), np.ones(2, bool), str)
        assert outside_of(space, value)
        if soft:
            with pytest.warns(ObservationOutOfBoundsWarning):
                ObservationValidator(scene_of(space, space)).validate(0, value)
            validate_state(space, value)
            continue
        with pytest.raises(InvalidObservationError):
            ObservationValidator(scene_of(space, space)).validate(0, value)
        with pytest.raises(InvalidObservationError):
            validate_state(space, value)


@pytest.mark.parametrize(
    ("space", "action"),
    [
        (spaces.Tuple([spaces.Discrete(3)]), (np.array([1]),)),
        (spaces.Tuple([spaces.Discrete(3)]), [1]),
        (spaces.Dict(a=spaces.Box(0.0, 1.0, (2,))), {"a": [0.5, 1]}),
        (spaces.Dict(a=spaces.Box(0.0, 1.0, (2,))), {"a": np.ones(2, np.float64)}),
    ],
)
def test_members_of_an_action_may_have_another_width_as_a_leaf_may(space: Space, action: Any) -> None:
    ActionValidator({"a_0": space}).validate({"a_0": action})


@pytest.mark.parametrize(
    ("space", "action"),
    [
        (spaces.Tuple([spaces.Discrete(3)]), (3,)),
        (spaces.Tuple([spaces.Discrete(3)]), (1, 1)),
        (spaces.Tuple([spaces.Discrete(3)]), 1),
        (spaces.Tuple([spaces.Discrete(3)]), np.array(1)),
        (spaces.Dict(a=spaces.Discrete(3)), {"a": 1, "b": 1}),
        (spaces.Dict(a=spaces.Discrete(3)), {}),
        (spaces.Dict(a=spaces.Discrete(3)), [1]),
        (spaces.MultiDiscrete([2, 3]), np.array([0.5, 1.5])),
        (spaces.MultiDiscrete([2, 3]), [[0], [1, 2]]),
        (spaces.Box(0.0, 1.0, (2,)), [[0], [1, 2]]),
        (spaces.MultiBinary(2), [[0], [1, 2]]),
    ],
)
def test_an_action_of_another_form_is_refused(space: Space, action: Any) -> None:
    with pytest.raises(InvalidActionError):
        ActionValidator({"a_0": space}).validate({"a_0": action})


# -- What is of no kind ------------------------------------------------------------------------------------------------

DISCRETE = spaces.Discrete(2)
PARTS: dict[str, Callable[[Space], object]] = {
    "the wire": lambda space: to_wire(space),
    "the configure message": lambda space: Configuration(action_space={"a_0": space}).to_message(),
    "the leaves of a space": lambda space: list(leaf_spaces(space)),
    "the leaves of a value": lambda space: list(leaves(space, {"member": None})),
    "the layout": SpaceLayout,
    "the layout of a batch": BatchLayout,
    "the codec's actions": lambda space: MessageCodec(1, [space], [DISCRETE], [0]),
    "the codec's observations": lambda space: scene_of(space, DISCRETE).make_codec(),
    "the codec's state": lambda space: scene_of(DISCRETE, DISCRETE, space).make_codec(),
    "actions": lambda space: ActionValidator({"a_0": space}),
    "observations": lambda space: ObservationValidator(scene_of(space, DISCRETE)),
    "the state": lambda space: validate_state(space, {"member": None}),
    "blank observations": lambda space: blank_observation(space, "a_0"),
    "differences": lambda space: difference_of(space, {"member": 0}, {"member": 0}),
    "elements outside": lambda space: outside_of(space, {"member": 0}),
    "bounds": is_unbounded,
    "a table": describe_space,
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("space", UNKNOWN, ids=lambda space: type(space).__name__)
def test_a_part_refuses_a_space_of_no_kind(part: str, space: Space) -> None:
    for given in (space, spaces.Dict(member=space)):
        with pytest.raises(InvalidSpaceError) as error:
            PARTS[part](given)
        assert error.value.got == repr(space)
        assert error.value.expected == "; ".join(kind.wire_limits for kind in KINDS)
        assert error.value.remedy
        assert ("member" in str(error.value.where)) == (given is not space)


@pytest.mark.parametrize(
    ("space", "limits"),
    [
        (spaces.Dict({}), "at least one member"),
        (spaces.Tuple([]), "at least one member"),
        (spaces.Dict({1: DISCRETE}), "all keys strings"),
        (spaces.Discrete(2, start=2**63 - 1), "fit into 64 bits"),
        (spaces.MultiDiscrete([2], start=[1]), "start at 0"),
        (spaces.Box(0, 1, (), np.float32), "one dimension or more"),
    ],
)
def test_a_space_that_the_protocol_cannot_describe_is_an_error_that_says_which_ones_it_can(
    space: Space, limits: str
) -> None:
    with pytest.raises(InvalidSpaceError) as error:
        to_wire(space, "action_space")
    assert limits in str(error.value.expected)


# -- Action masks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("space", "size"), [(spaces.Discrete(3, start=1), 3), (spaces.MultiDiscrete([2, 3]), 5)])
def test_a_mask_has_a_number_for_each_choice(space: Space, size: int) -> None:
    agent = AgentDescription("a_0", "/root/A", "p", DISCRETE, space, size)
    agent.check_mask()
    mask = np.zeros(size, np.int8)
    mask[[1, -1]] = 1
    space.seed(1)
    drawn = {tuple(np.ravel(space.sample(agent.sample_mask(mask))).tolist()) for _ in range(30)}
    assert drawn == ({(2,), (3,)} if size == 3 else {(1, 2)})


@pytest.mark.parametrize(
    ("space", "size"),
    [(spaces.Discrete(3), 2), (spaces.MultiDiscrete([2, 3]), 6)]
    + [
        (space, 2) for space in (spaces.Box(0.0, 1.0, (2,)), spaces.MultiBinary(2), spaces.Tuple([DISCRETE]), Foreign())
    ],
)
def test_a_mask_that_the_action_space_does_not_take_is_an_error_with_the_agent(space: Space, size: int) -> None:
    with pytest.raises(InvalidSpaceError) as error:
        AgentDescription("a_0", "/root/A", "p", DISCRETE, space, size).check_mask()
    assert error.value.where == "/root/A.get_action_mask()"

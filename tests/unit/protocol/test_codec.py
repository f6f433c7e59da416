"""The binary messages, against a second codec (`wire_reference`) that was written from the protocol alone."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
import wire_reference as reference
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from godot_marl.errors import ProtocolError
from godot_marl.protocol.codec import IMAGE_HEADER, OBSERVED, MessageCodec, Reply, decode_image
from godot_marl.protocol.space_layout import SECTION_DTYPES
from godot_marl.protocol.spaces import from_wire
from godot_marl.vector.batch_layout import BatchLayout, row_of

Space = dict[str, Any]
quick = settings(max_examples=60)

# -- Random spaces, values and replies ---------------------------------------------------------------------------------

NUMBERS: dict[str, st.SearchStrategy[Any]] = {
    "float32": st.floats(width=32),
    "float64": st.floats(),
    "int8": st.integers(-(2**7), 2**7 - 1),
    "int16": st.integers(-(2**15), 2**15 - 1),
    "int32": st.integers(-(2**31), 2**31 - 1),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "uint8": st.integers(0, 255),
}


def boxes() -> st.SearchStrategy[Space]:
    shapes = st.lists(st.integers(1, 3), min_size=1, max_size=3)
    return st.builds(
        lambda shape, dtype: {"type": "box", "shape": shape, "dtype": dtype, "low": "-inf", "high": "inf"},
        shapes,
        st.sampled_from(sorted(NUMBERS)),
    )


def discretes() -> st.SearchStrategy[Space]:
    return st.builds(lambda n, start: {"type": "discrete", "n": n, "start": start}, st.integers(1, 9), NUMBERS["int8"])


def multi_discretes() -> st.SearchStrategy[Space]:
    sizes = st.lists(st.integers(1, 9), min_size=1, max_size=3)
    return sizes.map(lambda nvec: {"type": "multi_discrete", "nvec": nvec})


LEAVES = boxes() | discretes() | multi_discretes() | st.integers(1, 4).map(lambda n: {"type": "multi_binary", "n": n})
NAMES = st.text("aZ_é0𝄞ﬁ", min_size=1, max_size=2)
SPACES = st.recursive(
    LEAVES,
    lambda inner: (
        st.dictionaries(NAMES, inner, min_size=1, max_size=3).map(lambda s: {"type": "dict", "spaces": s})
        | st.lists(inner, min_size=1, max_size=3).map(lambda s: {"type": "tuple", "spaces": s})
    ),
    max_leaves=6,
)


def values_of(space: Space) -> st.SearchStrategy[Any]:
    """Values as the reference has them: a leaf is a flat list."""
    match space["type"]:
        case "dict":
            return st.fixed_dictionaries({name: values_of(member) for name, member in space["spaces"].items()})
        case "tuple":
            return st.tuples(*(values_of(member) for member in space["spaces"])).map(list)
        case "discrete":
            return st.integers(space["start"], space["start"] + space["n"] - 1).map(lambda n: [n])
        case "multi_discrete":
            return st.tuples(*(st.integers(0, n - 1) for n in space["nvec"])).map(list)
        case "multi_binary":
            return st.lists(st.integers(0, 1), min_size=space["n"], max_size=space["n"])
    size = reference.leaf(space)[1]
    return st.lists(NUMBERS[space["dtype"]], min_size=size, max_size=size)


def to_gymnasium(space: Space, value: Any) -> Any:
    """The reference's value as a program that uses Gymnasium would give it."""
    match space["type"]:
        case "dict":
            return {name: to_gymnasium(member, value[name]) for name, member in space["spaces"].items()}
        case "tuple":
            return tuple(to_gymnasium(m, item) for m, item in zip(space["spaces"], value, strict=True))
        case "discrete":
            return np.int64(value[0])
        case "box":
            return np.array(value, space["dtype"]).reshape(space["shape"])
    return np.array(value, np.int64 if space["type"] == "multi_discrete" else np.int8)


def bits(value: Any) -> Any:
    """A value for comparisons in which NaN is NaN."""
    if isinstance(value, dict):
        return {name: bits(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [bits(item) for item in value]
    return struct.pack("<d", value) if isinstance(value, float) else value


def assert_equal(space: Space, decoded: Any, value: Any) -> None:
    match space["type"]:
        case "dict":
            assert set(decoded) == set(space["spaces"])
            for name, member in space["spaces"].items():
                assert_equal(member, decoded[name], value[name])
        case "tuple":
            assert isinstance(decoded, tuple)
            for member, part, item in zip(space["spaces"], decoded, value, strict=True):
                assert_equal(member, part, item)
        case _:
            expected = to_gymnasium(space, value)
            assert (decoded.dtype, decoded.shape) == (expected.dtype, expected.shape)
            assert decoded.tobytes() == expected.tobytes()


@st.composite
def steps(draw: st.DrawFn) -> tuple[int, list[Space], list[list[Any]]]:
    arenas = draw(st.integers(1, 3))
    agents = draw(st.lists(SPACES, min_size=1, max_size=3))
    actions = [[draw(st.none() | values_of(space)) for space in agents] for _ in range(arenas)]
    return draw(st.integers(0, 2**32 - 1)), agents, actions


@st.composite
def arenas_of(
    draw: st.DrawFn, agents: list[Space], mask_sizes: list[int], state_space: Space | None, allowed: tuple[int, ...]
) -> dict[str, Any]:
    """What one arena has in a part of a reply."""
    flags = [draw(st.sampled_from(allowed)) for _ in agents]
    seen = [bool(flag & OBSERVED) for flag in flags]
    action_present = [st.lists(st.integers(0, 1), min_size=n, max_size=n) for n in mask_sizes]
    infos = st.dictionaries(st.text(max_size=2), st.dictionaries(st.text(max_size=2), st.booleans()), max_size=2)
    return {
        "flags": flags,
        "rewards": [draw(NUMBERS["float64"]) if is_seen else 0.0 for is_seen in seen],
        "observations": [draw(values_of(s)) if i else None for s, i in zip(agents, seen, strict=True)],
        "masks": [draw(m) if i else None for m, i in zip(action_present, seen, strict=True)],
        "state": None if state_space is None else draw(values_of(state_space)),
        "infos": draw(infos),
    }


@st.composite
def replies(draw: st.DrawFn) -> dict[str, Any]:
    agents = draw(st.lists(SPACES, min_size=1, max_size=3))
    mask_sizes = [draw(st.integers(0, 3)) for _ in agents]
    state_space = draw(st.none() | SPACES)
    arena = arenas_of(agents, mask_sizes, state_space, (0, 1, 3, 5, 7, 9, 18, 33))
    fresh = arenas_of(agents, mask_sizes, state_space, (0, 1, 33))
    arenas = draw(st.lists(arena, min_size=1, max_size=3))
    # Without resets within the step, or with one for some arenas, or none.
    following = draw(st.just([]) | st.tuples(*(st.none() | fresh for _ in arenas)).map(list))
    numbers = st.integers(0, 2**32 - 1)
    return {
        "request": draw(numbers),
        "frames": draw(numbers),
        "spaces": agents,
        "mask_sizes": mask_sizes,
        "state_space": state_space,
        "arenas": arenas,
        "following": following,
    }


def layout_for(reply: dict[str, Any]) -> MessageCodec:
    return MessageCodec(
        len(reply["arenas"]),
        [spaces.Discrete(2)] * len(reply["spaces"]),
        [from_wire(space) for space in reply["spaces"]],
        reply["mask_sizes"],
        None if reply["state_space"] is None else from_wire(reply["state_space"]),
    )


# -- Round trips -------------------------------------------------------------------------------------------------------


@quick
@given(steps())
def test_a_step_request_decodes_in_the_reference_as_given(step: tuple[int, list[Space], list[list[Any]]]) -> None:
    request, agents, actions = step
    action_spaces = [from_wire(space) for space in agents]
    codec = MessageCodec(len(actions), action_spaces, action_spaces, [0] * len(agents))
    by_slot = [
        {slot: to_gymnasium(agents[slot], action) for slot, action in enumerate(arena) if action is not None}
        for arena in actions
    ]
    message = codec.encode_step(request, by_slot)
    assert len(message) == codec.step_size
    assert bits(reference.decode_step(message, len(actions), agents)) == bits((request, actions))


@quick
@given(steps(), st.data())
def test_rows_of_actions_decode_in_the_reference_as_given(
    step: tuple[int, list[Space], list[list[Any]]], data: st.DataObject
) -> None:
    request, agents, actions = step
    arenas = len(actions)
    reset_orders = data.draw(st.lists(st.integers(0, 2), min_size=arenas, max_size=arenas))
    seeds = data.draw(st.lists(st.integers(0, 2**63 - 1), min_size=arenas, max_size=arenas))
    sections = reference.empty_sections()
    for arena in actions:
        for space, action in zip(agents, arena, strict=True):
            reference.put(space, action, sections)
    action_spaces = [from_wire(space) for space in agents]
    codec = MessageCodec(arenas, action_spaces, action_spaces, [0] * len(agents))
    blocks = {name: np.array(part, SECTION_DTYPES[name]) for name, part in sections.items() if part}
    action_present = np.array([[action is not None for action in arena] for arena in actions], np.uint8)
    message = codec.encode_rows(
        request, blocks, action_present, np.array(reset_orders, np.uint8), np.array(seeds, np.int64)
    )
    plain, read_orders, read_seeds = reference.decode_orders(message, arenas, agents)
    assert len(plain) == codec.step_size
    assert bits(reference.decode_step(plain, arenas, agents)) == bits((request, actions))
    assert (read_orders, read_seeds) == (reset_orders, seeds)


@quick
@given(SPACES, st.integers(1, 3), st.integers(1, 3), st.data())
def test_a_batch_is_read_and_written_as_its_rows(space: Space, arenas: int, slots: int, data: st.DataObject) -> None:
    rows = [data.draw(values_of(space)) for _ in range(arenas * slots)]
    sections = reference.empty_sections()
    for row in rows:
        reference.put(space, row, sections)
    layout = BatchLayout(from_wire(space))
    blocks = {name: np.array(part, SECTION_DTYPES[name]).reshape(arenas, -1) for name, part in sections.items() if part}
    # Behind the values of the slots lies the state.
    padded = {name: np.concatenate([block, block[:, :1]], axis=1) for name, block in blocks.items()}
    batch = layout.unpack(padded, slots)
    for i, row in enumerate(rows):
        assert_equal(space, row_of(batch, i), row)
    written = layout.pack(batch, len(rows))
    assert {name: part.tobytes() for name, part in written.items()} == {
        name: block.tobytes() for name, block in blocks.items()
    }
    if "nan" not in str(rows):
        layout.validate(batch, np.ones(len(rows), bool), str)


@quick
@given(replies())
def test_a_reply_of_the_reference_decodes_as_given(reply: dict[str, Any]) -> None:
    codec = layout_for(reply)
    message = reference.encode_reply(**reply)
    decoded = codec.decode_reply(message)
    assert (decoded.request, decoded.frames) == (reply["request"], reply["frames"])
    for i, arena in enumerate(reply["arenas"]):
        assert bits(decoded.rewards[i].tolist()) == bits(arena["rewards"])
    assert_part(codec, reply, decoded, reply["arenas"])
    begun = {i: arena for i, arena in enumerate(reply["following"]) if arena is not None}
    assert list(decoded.reset) == list(begun)
    assert (decoded.next is not None) == bool(begun)
    if decoded.next is not None:
        assert_part(codec, reply, decoded.next, list(begun.values()))


def assert_part(codec: MessageCodec, reply: dict[str, Any], decoded: Reply, arenas: list[dict[str, Any]]) -> None:
    """One part of a reply is as it was meant."""
    assert decoded.has_infos == any(arena["infos"] for arena in arenas)
    for i, arena in enumerate(arenas):
        assert decoded.flags[i].tolist() == arena["flags"]
        assert decoded.infos[i] == arena["infos"]
        for slot, space in enumerate(reply["spaces"]):
            size, mask = reply["mask_sizes"][slot], codec.mask(decoded, i, slot)
            assert ([] if mask is None else mask.tolist()) == (arena["masks"][slot] or [0] * size)
            if arena["observations"][slot] is not None:
                assert_equal(space, codec.observation(decoded, i, slot), arena["observations"][slot])
        seen = [slot for slot, observation in enumerate(arena["observations"]) if observation is not None]
        for slot, observation in zip(seen[::-1], codec.observations(decoded, i, seen[::-1]), strict=True):
            assert_equal(reply["spaces"][slot], observation, arena["observations"][slot])
        slots = list(range(len(reply["spaces"])))
        assert str(codec.masks(decoded, i, slots)) == str([codec.mask(decoded, i, slot) for slot in slots])
        if reply["state_space"] is not None:
            assert_equal(reply["state_space"], codec.state(decoded, i), arena["state"])


@quick
@given(replies(), st.data())
def test_a_damaged_reply_is_refused_or_read_but_never_another_error(reply: dict[str, Any], data: st.DataObject) -> None:
    message = bytearray(reference.encode_reply(**reply))
    for _ in range(data.draw(st.integers(0, 3))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(-3, 3))
    damaged = message[:cut] if cut < 0 else message + bytes(cut)
    try:
        decoded = layout_for(reply).decode_reply(damaged)
    except ProtocolError:
        return
    assert isinstance(decoded, Reply)


@quick
@given(st.binary(max_size=60))
def test_any_bytes_are_a_frame_or_a_protocol_error(message: bytes) -> None:
    for candidate in (message, b"\x03" + message, IMAGE_HEADER.pack(3, 0, 0, 1, 2, 2, 3, 0) + message):
        try:
            _, frame = decode_image(candidate)
        except ProtocolError:
            continue
        assert frame.shape[2] == 3


# -- What a program may do with what it gets ---------------------------------------------------------------------------

FLOATS = spaces.Box(-np.inf, np.inf, (2,), np.float32)


def reply_of_two(codec: MessageCodec, **parts: Any) -> Reply:
    arena = {
        "flags": [1, 1],
        "rewards": [0.0, 0.0],
        "masks": [None, None],
        "observations": [[1.0, 2.0], [3.0, 4.0]],
        "infos": {},
        **parts,
    }
    space = {"type": "box", "shape": [2], "dtype": "float32"}
    return codec.decode_reply(reference.encode_reply(1, 1, [space, space], [0, 0], None, [arena]))


@pytest.fixture
def codec() -> MessageCodec:
    return MessageCodec(1, [spaces.Discrete(3)] * 2, [FLOATS] * 2, [0, 0])


def test_observations_can_be_written_to_without_changing_one_another(codec: MessageCodec) -> None:
    reply = reply_of_two(codec)
    first, second = (codec.observation(reply, 0, slot) for slot in (0, 1))
    first[:] = 9.0
    assert second.tolist() == [3.0, 4.0]


@pytest.mark.parametrize("shape", [(2,), (2, 3), (1, 1, 2)])
@pytest.mark.parametrize("arenas", [1, 2])
def test_many_observations_of_one_form_are_those_of_each_slot(shape: tuple[int, ...], arenas: int) -> None:
    box = spaces.Box(-np.inf, np.inf, shape, np.float32)
    state = spaces.Box(-np.inf, np.inf, (3,), np.float32)
    many = MessageCodec(arenas, [spaces.Discrete(3)] * 6, [box] * 6, [0] * 6, state)
    size = int(np.prod(shape))
    wire = {"type": "box", "shape": list(shape), "dtype": "float32"}
    replies_of_all = [
        {
            "flags": [1] * 6,
            "rewards": [0.0] * 6,
            "masks": [None] * 6,
            "observations": [[arena * 1000.0 + slot * 100.0 + i for i in range(size)] for slot in range(6)],
            "state": [-1.0] * 3,
            "infos": {},
        }
        for arena in range(arenas)
    ]
    wire_state = {"type": "box", "shape": [3], "dtype": "float32"}
    reply = many.decode_reply(reference.encode_reply(1, 1, [wire] * 6, [0] * 6, wire_state, replies_of_all))
    for arena in range(arenas):
        slots = [5, 0, 3, 1, 2]
        for slot, observation in zip(slots, many.observations(reply, arena, slots), strict=True):
            expected = np.array(replies_of_all[arena]["observations"][slot], np.float32).reshape(shape)
            np.testing.assert_array_equal(observation, expected)
            np.testing.assert_array_equal(many.observation(reply, arena, slot), expected)
            assert observation.flags.writeable


def test_an_observation_outlives_the_message_and_later_replies(codec: MessageCodec) -> None:
    old = codec.observation(reply_of_two(codec), 0, 0)
    reply_of_two(codec, observations=[[7.0, 7.0], [7.0, 7.0]])
    assert old.tolist() == [1.0, 2.0]


def test_a_mutable_message_can_be_reused(codec: MessageCodec) -> None:
    space = {"type": "box", "shape": [2], "dtype": "float32"}
    arena = {"flags": [1], "rewards": [0.0], "masks": [None], "observations": [[1.0, 2.0]], "infos": {}}
    one = MessageCodec(1, [spaces.Discrete(3)], [FLOATS], [0])
    message = bytearray(reference.encode_reply(1, 1, [space], [0], None, [arena]))
    observation = one.observation(one.decode_reply(message), 0, 0)
    message[:] = bytes(len(message))
    assert observation.tolist() == [1.0, 2.0]


def test_a_memoryview_is_taken_over_and_not_copied(codec: MessageCodec) -> None:
    space = {"type": "box", "shape": [2], "dtype": "float32"}
    arena = {"flags": [1, 1], "rewards": [0.0] * 2, "masks": [None] * 2, "infos": {"a": {"b": True}}}
    arena["observations"] = [[1.0, 2.0], [3.0, 4.0]]
    message = bytearray(reference.encode_reply(1, 1, [space] * 2, [0, 0], None, [arena]))
    reply = codec.decode_reply(memoryview(message))
    first = codec.observation(reply, 0, 0)
    first[:] = 9.0
    assert reply.infos == [{"a": {"b": True}}]
    assert codec.observation(codec.decode_reply(message), 0, 0).tolist() == [9.0, 9.0]
    frame = bytearray(IMAGE_HEADER.pack(3, 0, 0, 9, 1, 1, 3, 0) + b"\x01\x02\x03")
    decode_image(memoryview(frame))[1][:] = 7
    assert frame[-3:] == b"\x07" * 3


def test_a_mask_is_writable_int8() -> None:
    codec = MessageCodec(1, [spaces.Discrete(2)], [FLOATS], [2])
    space = {"type": "box", "shape": [2], "dtype": "float32"}
    arena = {"flags": [1], "rewards": [0.0], "masks": [[1, 0]], "observations": [[1.0, 2.0]], "infos": {}}
    reply = codec.decode_reply(reference.encode_reply(1, 1, [space], [2], None, [arena]))
    mask = codec.mask(reply, 0, 0)
    assert mask is not None
    assert mask.dtype == np.int8
    mask[:] = 0
    assert reply.masks.tolist() == [[1, 0]]


@pytest.mark.parametrize("action", [2, np.int64(2), np.int32(2), np.array(2), np.array([2])], ids=repr)
def test_any_integer_that_numpy_knows_is_a_discrete_action(codec: MessageCodec, action: Any) -> None:
    assert codec.encode_step(1, [{0: 2}]) == codec.encode_step(1, [{0: action}])


def test_an_action_of_the_wrong_size_is_not_sent(codec: MessageCodec) -> None:
    with pytest.raises(ValueError, match="reshape"):
        codec.encode_step(1, [{0: [1, 2]}])


def test_there_is_no_state_without_a_state_space(codec: MessageCodec) -> None:
    with pytest.raises(LookupError):
        codec.state(reply_of_two(codec), 0)


@pytest.mark.parametrize("flag", [64, 128])
def test_an_unknown_slot_flag_is_refused(codec: MessageCodec, flag: int) -> None:
    with pytest.raises(ProtocolError):
        reply_of_two(codec, flags=[1 | flag, 1])


@pytest.mark.parametrize(
    "tail",
    [
        b"no JSON",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"null",
        b'{"infos": null}',
        b'{"infos": []}',
        b'{"infos": [{}, {}]}',
        b'{"infos": [[]]}',
        b'{"infos": [{"a_0": 3}]}',
        b"[" * 100_000,
    ],
    ids=lambda tail: repr(tail[:20]),
)
def test_a_malformed_tail_is_refused(codec: MessageCodec, tail: bytes) -> None:
    space = {"type": "box", "shape": [2], "dtype": "float32"}
    arena = {
        "flags": [1, 1],
        "rewards": [0.0, 0.0],
        "masks": [None] * 2,
        "observations": [[0.0, 0.0]] * 2,
        "infos": {},
    }
    message = bytearray(reference.encode_reply(1, 1, [space, space], [0, 0], None, [arena]) + tail)
    message[8:12] = struct.pack("<I", len(tail))
    with pytest.raises(ProtocolError):
        codec.decode_reply(message)


def test_a_frame_can_be_written_to() -> None:
    message = IMAGE_HEADER.pack(3, 0, 0, 9, 1, 1, 3, 0) + b"\x01\x02\x03"
    request, frame = decode_image(message)
    frame[0, 0, 0] = 200
    assert (request, frame.tolist()) == (9, [[[200, 2, 3]]])


@pytest.mark.parametrize("size", [(0, 0), (0, 5), (2**31, 2**31)])
def test_a_frame_of_an_impossible_size_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ProtocolError):
        decode_image(IMAGE_HEADER.pack(3, 0, 0, 9, *size, 3, 0))

"""Encodes and decodes binary messages and resets (`docs/protocol.md`, sections 2.4 and 4 to 7).

A `MessageCodec` is made once from the spaces of the handshake. It encodes actions as a step request, and decodes a
reply into one array for each section; an agent's observation is a view of these arrays where its type allows.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from gymnasium import spaces

from godot_marl.errors import ProtocolError
from godot_marl.protocol.reset_options import EncodedOptions
from godot_marl.protocol.space_layout import SECTION_DTYPES, SectionLayout, SpaceLayout

KIND_STEP, KIND_REPLY, KIND_IMAGE = 1, 2, 3
# In a step request: the step may reset arenas (5.4). In a reply: the step has reset arenas (6.5).
FLAG_AUTORESET = FLAG_NEXT = 1
# The values of reset_orders (5.4).
NO_ORDER, RESET_IF_OVER, RESET = 0, 1, 2
STEP_HEADER = struct.Struct("<BBHI")
REPLY_HEADER = struct.Struct("<BBHIII")
IMAGE_HEADER = struct.Struct("<BBHIIIII")

OBSERVED, TERMINATED, TRUNCATED, JOINED, LEFT, TURN = 1, 2, 4, 8, 16, 32
# The slot flags that 6.3 allows, and those that it allows at the start of an episode.
_FIRST_FLAGS = bytes([0, OBSERVED, OBSERVED | TURN])
_SLOT_FLAGS = _FIRST_FLAGS + bytes(
    [
        LEFT | TERMINATED,
        OBSERVED | JOINED | TURN,
        *(OBSERVED | end | new for end in (0, 2, 4, 6) for new in (0, JOINED)),
    ]
)

# From this number of views on, one reshape for all of them is faster than one for each.
_MIN_SHARED_VIEWS = 4

# A part of a reply that is not empty: its name, dtype, elements for each arena, and byte offset.
_Part = tuple[str, np.dtype[Any], int, int]


@dataclass(slots=True)
class Reply:
    """A decoded reply to a reset or a step (docs/protocol.md, section 6).

    Attributes:
        request: The number of the request.
        frames: Physics frames since the last reply.
        rewards: Float64, shape (arenas, slots).
        flags: Uint8, shape (arenas, slots), the bits of clause 6.3.
        masks: Uint8, shape (arenas, elements of all masks), 0 or 1.
        sections: For each section an array of shape (arenas, elements of all slots and the state).
        infos: For each arena the infos by agent name.
        has_infos: Whether any agent has an info.
        reset: The arenas that the step reset, in ascending order (6.5).
        next: The start of the next episodes of these arenas, one row for each of them; None if the step reset none.
    """

    request: int
    frames: int
    rewards: np.ndarray[Any, Any]
    flags: np.ndarray[Any, Any]
    masks: np.ndarray[Any, Any]
    sections: dict[str, np.ndarray[Any, Any]]
    infos: list[dict[str, dict[str, Any]]] = field(default_factory=list)
    has_infos: bool = False
    reset: Sequence[int] = ()
    next: Reply | None = None


class MessageCodec:
    """Encodes and decodes the binary messages of one connection.

    Args:
        arenas: The number of arenas.
        action_spaces: The action space of each slot.
        observation_spaces: The observation space of each slot, without the action mask.
        mask_sizes: The number of elements of each slot's action mask; 0 for none.
        state_space: The space of an arena's state; None if there is no state.

    Attributes:
        arenas: The number of arenas.
        slots: The number of slots of an arena.
        step_size: The size of a step request without autoreset, in bytes.
        reply_size: The size of a reply without its tail and without resets, in bytes.
    """

    def __init__(
        self,
        arenas: int,
        action_spaces: Sequence[spaces.Space[Any]],
        observation_spaces: Sequence[spaces.Space[Any]],
        mask_sizes: Sequence[int],
        state_space: spaces.Space[Any] | None = None,
    ) -> None:
        self.arenas = arenas
        self.slots = len(action_spaces)
        observed = [*observation_spaces, *([state_space] if state_space is not None else [])]
        self._has_state = state_space is not None
        self._actions = SectionLayout([SpaceLayout(space) for space in action_spaces], arenas)
        self._observations = SectionLayout([SpaceLayout(space) for space in observed], arenas)
        # int8 and int16 are sent as i32, so decoding checks the range of these elements.
        self._narrow = self._observations.narrow_leaves()
        self._same_views = self._observations.same_views(self.slots) if self.slots else None
        self._mask_begins = np.concatenate([[0], np.cumsum(mask_sizes, dtype=np.int64)]).tolist()
        self.step_size = STEP_HEADER.size + arenas * (
            self.slots + sum(np.dtype(SECTION_DTYPES[s]).itemsize * w for s, w in self._actions.widths.items())
        )
        count = arenas * self.slots
        self._discrete_step = (
            struct.Struct(f"{STEP_HEADER.format}{count}q{count}s") if self._actions.is_discrete else None
        )
        parts = self._reply_parts()
        self.reply_size = REPLY_HEADER.size + sum(dtype.itemsize * arenas * width for _, dtype, width in parts)
        self._empty = {name: np.zeros((arenas, 0), dtype) for name, dtype, _ in parts}
        self._parts: list[_Part] = []
        begin = REPLY_HEADER.size
        for name, dtype, width in parts:
            if width:
                self._parts.append((name, dtype, width, begin))
            begin += dtype.itemsize * arenas * width
        # The start of the next episodes has no rewards (6.5).
        self._next_parts = [part for part in self._parts if part[0] != "rewards"]
        self._next_size = sum(dtype.itemsize * width for _, dtype, width, _ in self._next_parts)

    @property
    def longest_reply(self) -> int:
        """The size of a reply without its tail after a reset of all arenas, in bytes (docs/protocol.md, 6.5)."""
        return self.reply_size + self.arenas * (1 + self._next_size)

    def _reply_parts(self) -> list[tuple[str, np.dtype[Any], int]]:
        """The name, dtype and elements for each arena of the parts of a reply, in the order of clause 6.2."""
        widths = self._observations.widths
        order = [
            ("rewards", "<f8", self.slots),
            *((section, SECTION_DTYPES[section], widths.get(section, 0)) for section in ("f64", "i64", "f32", "i32")),
            ("flags", "u1", self.slots),
            ("masks", "u1", self._mask_begins[-1]),
            ("u8", "u1", widths.get("u8", 0)),
        ]
        return [(name, np.dtype(dtype), width) for name, dtype, width in order]

    def encode_step(self, request: int, actions: Sequence[Mapping[int, Any]]) -> bytes:
        """Encode a step request without autoreset (docs/protocol.md, 5.2).

        Args:
            request: The request's number, 0 to 2**32 - 1.
            actions: For each arena the actions by slot; a missing slot has no action.
        """
        if self._discrete_step is not None:
            # struct accepts fewer types of integers than NumPy, which is the fallback.
            try:
                return self._encode_discrete(self._discrete_step, request, actions)
            except (struct.error, TypeError):
                pass
        sections = {
            section: np.zeros((self.arenas, width), SECTION_DTYPES[section])
            for section, width in self._actions.widths.items()
        }
        action_present = np.zeros((self.arenas, self.slots), np.uint8)
        for arena, by_slot in enumerate(actions):
            for slot, action in by_slot.items():
                self._actions.pack(action, sections, arena, slot)
                action_present[arena, slot] = 1
        header = STEP_HEADER.pack(KIND_STEP, 0, 0, request)
        return b"".join([header, *(section.tobytes() for section in sections.values()), action_present.tobytes()])

    def _encode_discrete(self, message: struct.Struct, request: int, actions: Sequence[Mapping[int, Any]]) -> bytes:
        numbers: list[Any] = [0] * (self.arenas * self.slots)
        action_present = bytearray(self.arenas * self.slots)
        for arena, by_slot in enumerate(actions):
            begin = arena * self.slots
            for slot, action in by_slot.items():
                numbers[begin + slot] = action
                action_present[begin + slot] = 1
        return message.pack(KIND_STEP, 0, 0, request, *numbers, action_present)

    def encode_rows(
        self,
        request: int,
        sections: Mapping[str, np.ndarray[Any, Any]],
        action_present: np.ndarray[Any, Any],
        reset_orders: np.ndarray[Any, Any],
        seeds: np.ndarray[Any, Any],
    ) -> bytes:
        """Encode a step request with autoreset from actions that are packed already (docs/protocol.md, 5.4).

        Args:
            request: The request's number, 0 to 2**32 - 1.
            sections: For each section that the actions use, the elements of all arenas and slots in order.
            action_present: Uint8, arenas * slots elements: 1 if the slot has an action, else 0.
            reset_orders: Uint8, shape (arenas,): NO_ORDER, RESET_IF_OVER or RESET.
            seeds: Int64, shape (arenas,), not negative: the seed of the arena's next episode.
        """
        header = STEP_HEADER.pack(KIND_STEP, FLAG_AUTORESET, 0, request)
        actions = [sections[name].tobytes() for name in self._actions.widths]
        return b"".join(
            [
                header,
                *actions,
                action_present.tobytes(),
                reset_orders.tobytes(),
                seeds.astype("<i8", copy=False).tobytes(),
            ]
        )

    def decode_reply(self, message: bytes | bytearray | memoryview) -> Reply:
        """Decode a reply (docs/protocol.md, section 6).

        Args:
            message: The message. The reply keeps a memoryview, which the caller must no longer use, and copies others.

        Returns:
            The reply, whose arrays are writable.

        Raises:
            ProtocolError: The message is not a reply, or does not match the spaces.
        """
        if len(message) < self.reply_size:
            raise _malformed("a reply", f"at least {self.reply_size} bytes", f"{len(message)} bytes")
        kind, flags, reserved, request, tail_size, frames = REPLY_HEADER.unpack_from(message)
        if kind != KIND_REPLY or flags > FLAG_NEXT or reserved:
            raise _malformed("a reply", "kind 2, flags 0 or 1", f"kind {kind}, flags {flags}, {reserved}")
        data = message if isinstance(message, memoryview) else bytearray(message)
        reset: Sequence[int] = self._decode_resets(data) if flags else ()
        size = self.reply_size + (self.arenas + len(reset) * self._next_size if flags else 0)
        if len(message) != size + tail_size:
            raise _malformed("a reply", f"{size} + {tail_size} bytes", f"{len(message)} bytes")
        reply = self._decode_part(data, self._parts, self.arenas, 0)
        reply.request, reply.frames, reply.reset = request, frames, reset
        if reset:
            reply.next = self._decode_part(data, self._next_parts, len(reset), self.reply_size + self.arenas)
        if tail_size:
            self._decode_tail(bytes(data[size:]), reply)
        return reply

    def _decode_resets(self, data: bytearray | memoryview) -> Sequence[int]:
        """The arenas that were reset (6.5)."""
        was_reset = bytes(data[self.reply_size : self.reply_size + self.arenas])
        if len(was_reset) < self.arenas or was_reset.translate(None, b"\0\1"):
            raise _malformed("a reply", f"{self.arenas} bytes of 0 or 1", repr(was_reset))
        return [arena for arena, flag in enumerate(was_reset) if flag]

    def _decode_part(self, data: bytearray | memoryview, parts: Sequence[_Part], arenas: int, begin: int) -> Reply:
        if parts is self._parts:
            arrays = self._empty.copy()
            for name, dtype, width, offset in parts:
                arrays[name] = np.ndarray((arenas, width), dtype, data, offset)
        else:
            arrays = {name: empty[:arenas] for name, empty in self._empty.items()}
            for name, dtype, width, _ in parts:
                arrays[name] = np.ndarray((arenas, width), dtype, data, begin)
                begin += dtype.itemsize * arenas * width
        rewards, slot_flags, masks = arrays.pop("rewards"), arrays.pop("flags"), arrays.pop("masks")
        if slot_flags.tobytes().translate(None, _SLOT_FLAGS if parts is self._parts else _FIRST_FLAGS):
            raise _malformed("a reply", "slot flags of clause 6.3", f"{slot_flags.tolist()}")
        if masks.size and masks.tobytes().translate(None, b"\0\1"):
            raise _malformed("a reply", "action masks of 0 and 1", f"{masks.tolist()}")
        for begin, end, dtype in self._narrow:
            numbers = arrays["i32"][:, begin:end]
            if not np.array_equal(numbers.astype(dtype), numbers):
                raise _malformed("a reply", f"numbers of type {dtype.name}", f"{numbers.tolist()}"[:100])
        return Reply(0, 0, rewards, slot_flags, masks, arrays, [{} for _ in range(arenas)])

    def _decode_tail(self, tail: bytes, reply: Reply) -> None:
        try:
            members = read_json(str(tail, "utf-8"))
            infos = members.get("infos", reply.infos)
            next_infos = members.get("next_infos", [])
            if not members.keys() & {"infos", "next_infos"}:
                raise KeyError("infos")
        except (ValueError, KeyError, AttributeError, RecursionError) as error:
            raise _malformed("the tail of a reply", "a JSON object with infos", repr(tail[:100])) from error
        for count, by_arena in ((self.arenas, infos), (len(reply.reset), next_infos or [{} for _ in reply.reset])):
            well_formed = (
                isinstance(by_arena, list)
                and len(by_arena) == count
                and all(isinstance(a, dict) and all(isinstance(i, dict) for i in a.values()) for a in by_arena)
            )
            if not well_formed:
                raise _malformed("the tail of a reply", f"{count} objects of infos", repr(tail[:100]))
        reply.infos, reply.has_infos = infos, "infos" in members
        if reply.next is not None and next_infos:
            reply.next.infos, reply.next.has_infos = next_infos, True

    def observation(self, reply: Reply, arena: int, slot: int) -> Any:
        """The observation of one agent, without its action mask; a view where the type needs no conversion."""
        return self._observations.unpack(reply.sections, arena, slot)

    def observations(self, reply: Reply, arena: int, slots: Sequence[int]) -> list[Any]:
        """The observations of the agents in these slots, without their action masks."""
        if self._same_views is None or len(slots) < _MIN_SHARED_VIEWS:
            return [self.observation(reply, arena, slot) for slot in slots]
        section, end, shape = self._same_views
        views = list(reply.sections[section][arena, :end].reshape(shape))
        return [views[slot] for slot in slots]

    def observation_leaves(self) -> Iterator[tuple[int, str, int, spaces.Space[Any]]]:
        """Yield for each leaf of the observations: its slot, its section, its first element there, and its space."""
        for slot, place in enumerate(self._observations.places[: self.slots]):
            begins = {section: begin for section, begin, _ in place.parts}
            for leaf, space in place.layout.leaves:
                yield slot, leaf.section, begins[leaf.section] + leaf.begin, space

    def state(self, reply: Reply, arena: int) -> Any:
        """The state of an arena.

        Raises:
            LookupError: The scene has no state space.
        """
        if not self._has_state:
            raise LookupError("the scene has no state space")
        return self.observation(reply, arena, self.slots)

    def mask(self, reply: Reply, arena: int, slot: int) -> np.ndarray[Any, Any] | None:
        """The action mask of one agent, int8 as in PettingZoo's classic games; None if the agent has none."""
        begin, end = self._mask_begins[slot : slot + 2]
        return reply.masks[arena, begin:end].astype(np.int8) if end > begin else None

    @property
    def has_masks(self) -> bool:
        """Whether any agent has an action mask."""
        return bool(self._mask_begins[-1])

    def masks(self, reply: Reply, arena: int, slots: Sequence[int]) -> list[np.ndarray[Any, Any] | None]:
        """The action masks of the agents in these slots, as `mask` returns them."""
        row, begins = reply.masks[arena].astype(np.int8), self._mask_begins
        return [row[begins[slot] : begins[slot + 1]] if begins[slot + 1] > begins[slot] else None for slot in slots]


def is_first(reply: Reply) -> bool:
    """Whether no agent has stepped yet, as in a reply to a reset (docs/protocol.md, 6.3)."""
    return not reply.flags.tobytes().translate(None, _FIRST_FLAGS) and not reply.rewards.any()


def read_json(text: str) -> Any:
    """Parse a JSON text.

    Raises:
        ValueError: The text is not JSON, or contains a lone surrogate, escaped or not.
        RecursionError: The text is nested too deeply.
    """
    text.encode()
    value = _DECODER.decode(text)
    if "\\u" in text:
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


# `json.loads` accepts NaN and Infinity. strict=False: Godot's JSON does not escape control characters.
_DECODER = json.JSONDecoder(parse_constant=_reject_constant, strict=False)


def encode_reset(request: int, arenas: Mapping[int, tuple[int, EncodedOptions]]) -> str:
    """Encode a reset message (docs/protocol.md, 2.4).

    Args:
        request: The request's number, 0 to 2**32 - 1.
        arenas: The seed (0 to 2**63 - 1) and the options of each arena to reset, by the arena's index.
    """
    resets: list[dict[str, Any]] = []
    for arena, (seed, options) in arenas.items():
        # As a string, because a JSON reader may read an integer of 64 bits as a float.
        reset: dict[str, Any] = {"arena": arena, "seed": str(seed), "options": options.values}
        if options.exact:
            reset["exact"] = options.exact
        resets.append(reset)
    return json.dumps({"type": "reset", "request": request, "arenas": resets})


def decode_image(message: bytes | bytearray | memoryview) -> tuple[int, np.ndarray[Any, Any]]:
    """Decode an image message (docs/protocol.md, section 7).

    Args:
        message: The message; a memoryview is kept, as in `MessageCodec.decode_reply`.

    Returns:
        The number of the request, and the image: uint8, shape (height, width, 3), RGB.

    Raises:
        ProtocolError: The message is not an image message.
    """
    if len(message) < IMAGE_HEADER.size:
        raise _malformed("an image", f"at least {IMAGE_HEADER.size} bytes", f"{len(message)} bytes")
    kind, flags, reserved, request, width, height, channels, zero = IMAGE_HEADER.unpack_from(message)
    if kind != KIND_IMAGE or flags or reserved or channels != 3 or zero:
        raise _malformed("an image", "kind 3, three channels", f"kind {kind}, {channels} channels")
    size = IMAGE_HEADER.size + width * height * 3
    if len(message) != size or not width or not height:
        raise _malformed("an image", f"{size} bytes for {width} x {height}", f"{len(message)} bytes")
    data = message if isinstance(message, memoryview) else bytearray(message)
    pixels = np.frombuffer(data, np.uint8, offset=IMAGE_HEADER.size)
    return request, pixels.reshape(height, width, 3)


def _malformed(what: str, expected: str, got: str) -> ProtocolError:
    return ProtocolError(
        f"The game sent {what} that the protocol does not allow.",
        where="docs/protocol.md, sections 6 and 7",
        expected=expected,
        got=got,
        remedy="Install the addon that belongs to this package: godot-marl addon install PROJECT_FOLDER.",
    )

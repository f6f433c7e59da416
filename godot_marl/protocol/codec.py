"""How values lie in the binary messages (`docs/protocol.md`, sections 4 to 7).

A `Layout` is made once from the spaces of the handshake. It then turns actions into a step request, and a reply into
arrays: one block for each element type, of which every agent's observation is a view.
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
from godot_marl.plain import Plain
from godot_marl.plans import SECTION_DTYPES, Block, SpacePlan

KIND_STEP, KIND_REPLY, KIND_FRAME = 1, 2, 3
# In a step request: arenas may be reset within the step (5.4). In a reply: some were (6.5).
FLAG_AUTORESET = FLAG_NEXT = 1
# What a step request orders of an arena (5.4).
NO_ORDER, RESET_IF_OVER, RESET = 0, 1, 2
STEP_HEADER = struct.Struct("<BBHI")
REPLY_HEADER = struct.Struct("<BBHIII")
FRAME_HEADER = struct.Struct("<BBHIIIII")

OBSERVED, TERMINATED, TRUNCATED, JOINED, LEFT, TURN = 1, 2, 4, 8, 16, 32
# What 6.3 allows the flags of a slot to be, and those of a slot whose episode begins.
_FIRST_FLAGS = bytes([0, OBSERVED, OBSERVED | TURN])
_SLOT_FLAGS = _FIRST_FLAGS + bytes(
    [
        LEFT | TERMINATED,
        OBSERVED | JOINED | TURN,
        *(OBSERVED | end | new for end in (0, 2, 4, 6) for new in (0, JOINED)),
    ]
)

# Fewer views than this are sooner made one by one.
_FEW = 4


# A part of a reply that is not empty: its name, type, elements for each arena, and where it begins.
_Part = tuple[str, np.dtype[Any], int, int]


@dataclass(slots=True)
class Reply:
    """One reply to a reset or a step (section 6), decoded.

    Attributes:
        request: The request that it answers.
        frames: The physics frames that passed since the last reply.
        rewards: Float64, shape (arenas, slots).
        flags: Uint8, shape (arenas, slots), the bits of clause 6.3.
        masks: Uint8, shape (arenas, numbers of all masks).
        sections: For each section an array of shape (arenas, elements of all slots and the state).
        infos: For each arena the infos by agent name.
        has_infos: True if some agent has an info.
        reset: The arenas that were reset in the step, in order (6.5).
        next: How the next episodes of these arenas begin, with a row for each of them; None if there are none.
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


class Layout:
    """The binary messages of one connection.

    Args:
        arenas: How many arenas the game has.
        action_spaces: One for each slot.
        observation_spaces: One for each slot, without the action mask.
        mask_sizes: How many numbers each slot's mask has; 0 for none.
        state_space: The arena's, or None.
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
        self._actions = Block([SpacePlan(space) for space in action_spaces], arenas)
        self._observations = Block([SpacePlan(space) for space in observed], arenas)
        # Elements of i32 that belong to a smaller type, where a greater number would become another one.
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
        parts = self._plan_reply()
        self.reply_size = REPLY_HEADER.size + sum(dtype.itemsize * arenas * width for _, dtype, width in parts)
        self._empty = {name: np.zeros((arenas, 0), dtype) for name, dtype, _ in parts}
        self._parts: list[_Part] = []
        begin = REPLY_HEADER.size
        for name, dtype, width in parts:
            if width:
                self._parts.append((name, dtype, width, begin))
            begin += dtype.itemsize * arenas * width
        # The second part of clause 6.5 has no rewards.
        self._next_parts = [part for part in self._parts if part[0] != "rewards"]
        self._next_size = sum(dtype.itemsize * width for _, dtype, width, _ in self._next_parts)

    @property
    def longest_reply(self) -> int:
        """The bytes of a reply without its tail in which all arenas were reset (6.5)."""
        return self.reply_size + self.arenas * (1 + self._next_size)

    def _plan_reply(self) -> list[tuple[str, np.dtype[Any], int]]:
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
        """A step request (section 5).

        Args:
            request: Its number, 0 to 2**32 - 1.
            actions: For each arena the actions by slot; a slot that is left out has none.
        """
        if self._discrete_step is not None:
            # What is no integer to struct may still be one to NumPy.
            try:
                return self._encode_discrete(self._discrete_step, request, actions)
            except (struct.error, TypeError):
                pass
        block = {
            section: np.zeros((self.arenas, width), SECTION_DTYPES[section])
            for section, width in self._actions.widths.items()
        }
        given = np.zeros((self.arenas, self.slots), np.uint8)
        for arena, by_slot in enumerate(actions):
            for slot, action in by_slot.items():
                self._actions.write(action, block, arena, slot)
                given[arena, slot] = 1
        header = STEP_HEADER.pack(KIND_STEP, 0, 0, request)
        return b"".join([header, *(section.tobytes() for section in block.values()), given.tobytes()])

    def _encode_discrete(self, form: struct.Struct, request: int, actions: Sequence[Mapping[int, Any]]) -> bytes:
        numbers: list[Any] = [0] * (self.arenas * self.slots)
        given = bytearray(self.arenas * self.slots)
        for arena, by_slot in enumerate(actions):
            begin = arena * self.slots
            for slot, action in by_slot.items():
                numbers[begin + slot] = action
                given[begin + slot] = 1
        return form.pack(KIND_STEP, 0, 0, request, *numbers, given)

    def encode_rows(
        self,
        request: int,
        sections: Mapping[str, np.ndarray[Any, Any]],
        marks: np.ndarray[Any, Any],
        orders: np.ndarray[Any, Any],
        seeds: np.ndarray[Any, Any],
    ) -> bytes:
        """A step request of actions that are blocks already, with orders (5.4).

        Args:
            request: Its number, 0 to 2**32 - 1.
            sections: For each section that the actions use, the elements of all arenas and slots in order.
            marks: Uint8, one for each arena and slot: 1 where the slot has an action.
            orders: Uint8, one for each arena: NO_ORDER, RESET_IF_OVER or RESET.
            seeds: Int64, one for each arena: the seed of its next episode.
        """
        header = STEP_HEADER.pack(KIND_STEP, FLAG_AUTORESET, 0, request)
        blocks = [sections[name].tobytes() for name in self._actions.widths]
        return b"".join([header, *blocks, marks.tobytes(), orders.tobytes(), seeds.astype("<i8", copy=False).tobytes()])

    def decode_reply(self, message: bytes | bytearray | memoryview) -> Reply:
        """Read a reply (section 6). The arrays are writable, and nothing changes them later.

        A memoryview is taken over, so its owner must leave it alone; anything else is copied.

        Raises:
            ProtocolError: The message is not a reply of this layout.
        """
        if len(message) < self.reply_size:
            raise _malformed("a reply", f"at least {self.reply_size} bytes", f"{len(message)} bytes")
        kind, flags, reserved, request, tail_size, frames = REPLY_HEADER.unpack_from(message)
        if kind != KIND_REPLY or flags > FLAG_NEXT or reserved:
            raise _malformed("a reply", "kind 2, flags 0 or 1", f"kind {kind}, flags {flags}, {reserved}")
        block = message if isinstance(message, memoryview) else bytearray(message)
        reset: Sequence[int] = self._decode_marks(block) if flags else ()
        size = self.reply_size + (self.arenas + len(reset) * self._next_size if flags else 0)
        if len(message) != size + tail_size:
            raise _malformed("a reply", f"{size} + {tail_size} bytes", f"{len(message)} bytes")
        reply = self._decode_part(block, self._parts, self.arenas, 0)
        reply.request, reply.frames, reply.reset = request, frames, reset
        if reset:
            reply.next = self._decode_part(block, self._next_parts, len(reset), self.reply_size + self.arenas)
        if tail_size:
            self._decode_tail(bytes(block[size:]), reply)
        return reply

    def _decode_marks(self, block: bytearray | memoryview) -> Sequence[int]:
        marks = bytes(block[self.reply_size : self.reply_size + self.arenas])
        if len(marks) < self.arenas or marks.translate(None, b"\0\1"):
            raise _malformed("a reply", f"{self.arenas} marks of 0 or 1", repr(marks))
        return [arena for arena, mark in enumerate(marks) if mark]

    def _decode_part(self, block: bytearray | memoryview, parts: Sequence[_Part], arenas: int, begin: int) -> Reply:
        if parts is self._parts:
            arrays = self._empty.copy()
            for name, dtype, width, offset in parts:
                arrays[name] = np.ndarray((arenas, width), dtype, block, offset)
        else:
            arrays = {name: empty[:arenas] for name, empty in self._empty.items()}
            for name, dtype, width, _ in parts:
                arrays[name] = np.ndarray((arenas, width), dtype, block, begin)
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
        """One agent's observation, without its mask."""
        return self._observations.read(reply.sections, arena, slot)

    def observations(self, reply: Reply, arena: int, slots: Sequence[int]) -> list[Any]:
        """The observations of the agents in these slots, without their masks."""
        if self._same_views is None or len(slots) < _FEW:
            return [self.observation(reply, arena, slot) for slot in slots]
        section, end, shape = self._same_views
        views = list(reply.sections[section][arena, :end].reshape(shape))
        return [views[slot] for slot in slots]

    def observation_leaves(self) -> Iterator[tuple[int, str, int, spaces.Space[Any]]]:
        """For each leaf of the observations: its slot, its section, where it begins there, and its space."""
        for slot, place in enumerate(self._observations.places[: self.slots]):
            begins = {section: begin for section, begin, _ in place.parts}
            for leaf, space in place.plan.leaves:
                yield slot, leaf.section, begins[leaf.section] + leaf.begin, space

    def state(self, reply: Reply, arena: int) -> Any:
        """The arena's state; only where there is a state space."""
        if not self._has_state:
            raise LookupError("the scene has no state space")
        return self.observation(reply, arena, self.slots)

    def mask(self, reply: Reply, arena: int, slot: int) -> np.ndarray[Any, Any] | None:
        """One agent's action mask, int8 as in PettingZoo's classic games, or None."""
        begin, end = self._mask_begins[slot : slot + 2]
        return reply.masks[arena, begin:end].astype(np.int8) if end > begin else None

    @property
    def has_masks(self) -> bool:
        """True if an agent has an action mask."""
        return bool(self._mask_begins[-1])

    def masks(self, reply: Reply, arena: int, slots: Sequence[int]) -> list[np.ndarray[Any, Any] | None]:
        """The action masks of the agents in these slots, as `mask` has them."""
        row, begins = reply.masks[arena].astype(np.int8), self._mask_begins
        return [row[begins[slot] : begins[slot + 1]] if begins[slot + 1] > begins[slot] else None for slot in slots]


def is_first(reply: Reply) -> bool:
    """True if no agent has stepped yet, as in a reply to a reset (6.3)."""
    return not reply.flags.tobytes().translate(None, _FIRST_FLAGS) and not reply.rewards.any()


def read_json(text: str) -> Any:
    """What a JSON text says.

    Raises:
        ValueError: It is none, or not of Unicode: there is half of a surrogate pair in it, as it is or escaped.
        RecursionError: It is too deep.
    """
    text.encode()
    value = _DECODER.decode(text)
    if "\\u" in text:
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


# Plain `json.loads` takes NaN and Infinity for numbers, and other encodings than UTF-8. Godot's JSON leaves control
# characters in texts as they are.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, strict=False)


def encode_reset(request: int, arenas: Mapping[int, tuple[int, Plain]]) -> str:
    """A reset message (2.4): for each arena its seed and options."""
    wishes = []
    for arena, (seed, options) in arenas.items():
        exact = f', "exact": {json.dumps(options.exact)}' if options.exact else ""
        wishes.append(f'{{"arena": {arena}, "seed": "{seed}", "options": {options.text}{exact}}}')
    return f'{{"type": "reset", "request": {request}, "arenas": [{", ".join(wishes)}]}}'


def decode_frame(message: bytes | bytearray | memoryview) -> tuple[int, np.ndarray[Any, Any]]:
    """Read a frame (section 7): its request, and a uint8 array of shape (height, width, 3).

    A memoryview is taken over, as by `Layout.decode_reply`.

    Raises:
        ProtocolError: The message is no frame.
    """
    if len(message) < FRAME_HEADER.size:
        raise _malformed("a frame", f"at least {FRAME_HEADER.size} bytes", f"{len(message)} bytes")
    kind, flags, reserved, request, width, height, channels, zero = FRAME_HEADER.unpack_from(message)
    if kind != KIND_FRAME or flags or reserved or channels != 3 or zero:
        raise _malformed("a frame", "kind 3, three channels", f"kind {kind}, {channels} channels")
    size = FRAME_HEADER.size + width * height * 3
    if len(message) != size or not width or not height:
        raise _malformed("a frame", f"{size} bytes for {width} x {height}", f"{len(message)} bytes")
    block = message if isinstance(message, memoryview) else bytearray(message)
    pixels = np.frombuffer(block, np.uint8, offset=FRAME_HEADER.size)
    return request, pixels.reshape(height, width, 3)


def _malformed(what: str, expected: str, got: str) -> ProtocolError:
    return ProtocolError(
        f"The game sent {what} that the protocol does not allow.",
        where="docs/protocol.md, sections 6 and 7",
        expected=expected,
        got=got,
        remedy="Install the addon that belongs to this package: godot-marl addon install PROJECT_FOLDER.",
    )

"""Checks what a scene answers when it arrives."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from godot_marl.errors import InvalidObservationError
from godot_marl.protocol.codec import MessageCodec, Reply
from godot_marl.protocol.messages import SceneDescription
from godot_marl.protocol.space_kinds.kind import LeafKind
from godot_marl.protocol.space_kinds.registry import leaf_kind_of
from godot_marl.protocol.space_layout import SECTION_DTYPES
from godot_marl.protocol.spaces import leaves


class ObservationOutOfBoundsWarning(UserWarning):
    """An observation lies outside the bounds of its space. It is passed on as it is, never clipped."""


class ObservationValidator:
    """Raises an error for NaN, and warns once for each agent whose observation is out of bounds.

    The addon checks types and sizes, because a message cannot hold a wrong one.

    Args:
        scene: The scene.

    Raises:
        InvalidSpaceError: An observation space is of an unknown type.
    """

    def __init__(self, scene: SceneDescription) -> None:
        self._agents = scene.agents
        self._warned: set[int] = set()
        self._ranges = _ranges_of(scene.make_codec())

    def slots_out_of_bounds(self, reply: Reply, arena: int) -> Collection[int]:
        """The slots for whose observations `validate` may raise or warn; one comparison for each section."""
        slots_out_of_bounds: Collection[int] = ()
        for section in self._ranges:
            found = section.outside(reply.sections[section.name][arena])
            if found:
                slots_out_of_bounds = {*slots_out_of_bounds, *found}
        return slots_out_of_bounds

    def candidates(self, reply: Reply) -> list[tuple[int, int]]:
        """The slots that `slots_out_of_bounds` finds, in all arenas of the reply: (arena, slot)."""
        if all(section.is_fine(reply.sections[section.name]) for section in self._ranges):
            return []
        return [(arena, slot) for arena in range(len(reply.flags)) for slot in self.slots_out_of_bounds(reply, arena)]

    def validate(self, slot: int, observation: Any) -> None:
        """Check the observation of the agent in this slot.

        Raises:
            InvalidObservationError: It holds NaN, or an integer that its space does not have.
        """
        agent = self._agents[slot]
        for place, kind, space, value in leaves(agent.observation_space, observation):
            low, high = kind.bounds(space)
            if _is_inside(value, low, high):
                continue
            fault = _fault_of(kind, space, value)
            if fault is not None:
                where = f"{agent.path}.get_observation()"
                raise _error(f"The observation of agent {agent.name}{place}", where, fault)
            if slot not in self._warned:
                self._warned.add(slot)
                outside = _point_at(value, (value < low) | (value > high))
                warnings.warn(
                    f"{agent.path}.get_observation(): the observation of agent {agent.name}{place} is outside its "
                    f"space {space}: {outside}. It is passed on unclipped; widen "
                    "get_observation_space(). This warning comes once for each agent.",
                    ObservationOutOfBoundsWarning,
                    stacklevel=_levels_to_caller(),
                )

    def rewards(self, reply: Reply, slots: Sequence[int], arena: int = 0) -> list[float]:
        """The rewards of the agents in these slots of an arena.

        Raises:
            InvalidObservationError: One is NaN.
        """
        all_rewards: list[float] = reply.rewards[arena].tolist()
        rewards = [all_rewards[slot] for slot in slots]
        # NaN makes the sum NaN. So do infinities of both signs, which are allowed.
        total = sum(rewards)
        if total == total:
            return rewards
        for slot, reward in zip(slots, rewards, strict=True):
            if reward != reward:
                agent = self._agents[slot]
                raise InvalidObservationError(
                    f"The reward of agent {agent.name} is not a number.",
                    where=f"{agent.path}.get_reward()",
                    expected="a number",
                    got="NaN",
                    remedy="Look for a division by zero or a root of a negative number in get_reward().",
                )
        return rewards


def validate_state(space: spaces.Space[Any], state: Any) -> None:
    """Check what get_state of the scene's root answered. A Box's bounds are not checked.

    Raises:
        InvalidObservationError: It holds NaN, or an integer that its space does not have.
    """
    for place, kind, leaf, value in leaves(space, state):
        fault = None if _is_inside(value, *kind.bounds(leaf)) else _fault_of(kind, leaf, value)
        if fault is not None:
            raise _error(f"The state{place}", "get_state() of the scene's root", fault)


class _Section:
    """The bounds of each element of one section."""

    def __init__(self, name: str, width: int) -> None:
        self.name = name
        dtype = np.dtype(SECTION_DTYPES[name])
        self.low = np.zeros(width, dtype)
        self.high = np.zeros(width, dtype)
        # Which slot an element belongs to.
        self.slots = np.zeros(width, np.int64)
        self._width = width
        self._is_unbounded = False

    def close(self) -> _Section:
        """Look for properties that all bounds share."""
        self._is_unbounded = bool(np.isneginf(self.low).all() and np.isposinf(self.high).all())
        return self

    @property
    def is_whole_type(self) -> bool:
        """True if every number of the section's dtype is allowed, as in images."""
        if self.low.dtype.kind == "f":
            return False
        limits = np.iinfo(self.low.dtype)
        return bool((self.low == limits.min).all() and (self.high == limits.max).all())

    def is_fine(self, rows: np.ndarray[Any, Any]) -> bool:
        """True if no element of any row is outside its range."""
        rows = rows[:, : self._width]
        inside = rows == rows if self._is_unbounded else (rows >= self.low) & (rows <= self.high)
        return b"\0" not in inside.tobytes()

    def outside(self, row: np.ndarray[Any, Any]) -> Sequence[int]:
        """The slots that have an element outside its range, or one that is NaN."""
        # The state follows the observations, and `validate_state` checks it.
        row = row[: self._width]
        inside = row == row if self._is_unbounded else (row >= self.low) & (row <= self.high)
        # A search through bytes costs less than a reduction.
        if b"\0" not in inside.tobytes():
            return ()
        slots: list[int] = self.slots[~inside].tolist()
        return slots


def _ranges_of(codec: MessageCodec) -> list[_Section]:
    observation_leaves = list(codec.observation_leaves())
    ends: dict[str, int] = {}
    for _, name, begin, space in observation_leaves:
        ends[name] = begin + _size_of(space)
    sections = {name: _Section(name, end) for name, end in ends.items()}
    for slot, name, begin, space in observation_leaves:
        section = sections[name]
        part = slice(begin, begin + _size_of(space))
        low, high = leaf_kind_of(space).bounds(space)
        section.low[part], section.high[part] = np.ravel(low), np.ravel(high)
        section.slots[part] = slot
    return [section.close() for section in sections.values() if not section.is_whole_type]


def _size_of(space: spaces.Space[Any]) -> int:
    return int(np.prod(space.shape or (), dtype=np.int64))


def _levels_to_caller() -> int:
    """The `stacklevel` with which a warning of the calling function points at the code outside this package."""
    level, frame = 1, sys._getframe(1)
    package = __name__.partition(".")[0] + "."
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(package):
        level, frame = level + 1, frame.f_back
    return level


def _is_inside(value: Any, low: Any, high: Any) -> bool:
    # The layout gives the shape and the dtype, so the bounds remain, which are quicker to check than `contains`.
    elements = np.asarray(value)
    return b"\0" not in ((elements >= low) & (elements <= high)).tobytes()


def _point_at(value: Any, wrong: Any) -> str:
    """The first of the wrong elements and its place; an observation can be a whole image."""
    elements = np.asarray(value)
    places = np.argwhere(wrong)
    first = tuple(places[0].tolist())
    index = "".join(f"[{i}]" for i in first)
    more = f" (and {len(places) - 1} more)" if len(places) > 1 else ""
    return f"{elements[first]} at {index}{more}"


def _fault_of(kind: LeafKind[Any], space: spaces.Space[Any], value: Any) -> tuple[str, str, str] | None:
    """The expected value, the found one and the remedy for a value outside its space; None if a warning is enough."""
    if np.asarray(value).dtype.kind == "f" and np.isnan(value).any():
        remedy = "Look for a division by zero, or for a vector of length zero that was normalized."
        return "numbers", _point_at(value, np.isnan(value)), remedy
    if kind.has_soft_bounds:
        return None
    return str(space), str(value), "Return a value of the space, or make the space larger."


def _error(what: str, where: str, fault: tuple[str, str, str]) -> InvalidObservationError:
    expected, got, remedy = fault
    return InvalidObservationError(
        f"{what} is not in its space.", where=where, expected=expected, got=got, remedy=remedy
    )

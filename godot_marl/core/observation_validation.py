"""Checks what a scene answers, as it arrives."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from godot_marl.codec import Layout, Reply
from godot_marl.errors import InvalidObservationError
from godot_marl.plans import SECTION_DTYPES
from godot_marl.protocol import SceneDescription
from godot_marl.spaces import leaves


class ObservationOutOfBoundsWarning(UserWarning):
    """An observation lies outside the bounds of its space. It is passed on as it is, never clipped."""


class ObservationChecker:
    """Raises for what is no number, and warns once for each agent whose observation is out of bounds.

    Wrong types and sizes are found in the scene, before they could become silent zeros.
    """

    def __init__(self, scene: SceneDescription) -> None:
        self._agents = scene.agents
        self._warned: set[int] = set()
        self._ranges = _ranges_of(scene.layout())

    def suspects(self, reply: Reply, arena: int) -> Collection[int]:
        """The slots whose part of the reply holds something that `check` may find wrong, all looked at at once."""
        suspects: Collection[int] = ()
        for section in self._ranges:
            found = section.outside(reply.sections[section.name][arena])
            if found:
                suspects = {*suspects, *found}
        return suspects

    def suspects_of_all(self, reply: Reply) -> list[tuple[int, int]]:
        """The same of all arenas of the reply: (arena, slot)."""
        if all(section.is_fine(reply.sections[section.name]) for section in self._ranges):
            return []
        return [(arena, slot) for arena in range(len(reply.flags)) for slot in self.suspects(reply, arena)]

    def check(self, slot: int, observation: Any) -> None:
        """Check the observation of the agent in this slot.

        Raises:
            InvalidObservationError: It holds NaN, or an integer that its space does not have.
        """
        agent = self._agents[slot]
        for place, space, value in leaves(agent.observation_space, observation):
            if _is_inside(space, value):
                continue
            fault = _fault_of(space, value)
            if fault is not None:
                where = f"{agent.path}.get_observation()"
                raise _error(f"The observation of agent {agent.name}{place}", where, fault)
            if isinstance(space, spaces.Box) and slot not in self._warned:
                self._warned.add(slot)
                outside = _point_at(value, (value < space.low) | (value > space.high))
                warnings.warn(
                    f"{agent.path}.get_observation(): the observation of agent {agent.name}{place} is outside its "
                    f"space {space}: {outside}. It is passed on unclipped; widen "
                    "get_observation_space(). This is said once for each agent.",
                    ObservationOutOfBoundsWarning,
                    stacklevel=_levels_to_caller(),
                )

    def rewards(self, reply: Reply, slots: Sequence[int], arena: int = 0) -> list[float]:
        """The rewards of the agents in these slots of an arena.

        Raises:
            InvalidObservationError: One is NaN.
        """
        everybody: list[float] = reply.rewards[arena].tolist()
        rewards = [everybody[slot] for slot in slots]
        # One that is NaN makes the sum NaN; infinite ones of both signs do, too.
        total = sum(rewards)
        if total == total:
            return rewards
        for slot, reward in zip(slots, rewards, strict=True):
            if reward != reward:
                agent = self._agents[slot]
                raise InvalidObservationError(
                    f"The reward of agent {agent.name} is no number.",
                    where=f"{agent.path}.get_reward()",
                    expected="a number",
                    got="NaN",
                    remedy="Look for a division by zero or a root of a negative number in get_reward().",
                )
        return rewards


def check_state(space: spaces.Space[Any], state: Any) -> None:
    """Check what get_state of the scene's root answered. Outside the bounds of a box it may be.

    Raises:
        InvalidObservationError: It holds NaN, or an integer that its space does not have.
    """
    for place, leaf, value in leaves(space, state):
        fault = None if _is_inside(leaf, value) else _fault_of(leaf, value)
        if fault is not None:
            raise _error(f"The state{place}", "get_state() of the scene's root", fault)


class _Section:
    """Between which numbers each element of one section must lie."""

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
        """Note what all ranges have in common."""
        self._is_unbounded = bool(np.isneginf(self.low).all() and np.isposinf(self.high).all())
        return self

    @property
    def is_whole_type(self) -> bool:
        """True if every number of the section's type is allowed, as in pictures."""
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
        # The state lies behind the observations. It is checked where it is asked for.
        row = row[: self._width]
        inside = row == row if self._is_unbounded else (row >= self.low) & (row <= self.high)
        # A search through bytes costs less than a reduction.
        if b"\0" not in inside.tobytes():
            return ()
        slots: list[int] = self.slots[~inside].tolist()
        return slots


def _ranges_of(layout: Layout) -> list[_Section]:
    leaves = list(layout.observation_leaves())
    ends: dict[str, int] = {}
    for _, name, begin, space in leaves:
        ends[name] = begin + _size_of(space)
    sections = {name: _Section(name, end) for name, end in ends.items()}
    for slot, name, begin, space in leaves:
        section = sections[name]
        part = slice(begin, begin + _size_of(space))
        section.low[part], section.high[part] = _range_of(space)
        section.slots[part] = slot
    return [section.close() for section in sections.values() if not section.is_whole_type]


def _size_of(space: spaces.Space[Any]) -> int:
    return int(np.prod(space.shape or (), dtype=np.int64))


def _range_of(space: spaces.Space[Any]) -> tuple[Any, Any]:
    """The smallest and the largest value of each element."""
    match space:
        case spaces.Box():
            return space.low.ravel(), space.high.ravel()
        case spaces.Discrete():
            # As an array, because a range beyond 64 bits wraps there without a word, and `check` has the last one.
            start = np.array([space.start])
            return start, start + (space.n - 1)
        case spaces.MultiDiscrete():
            return space.start, space.start + space.nvec - 1
    return 0, 1


def _levels_to_caller() -> int:
    """For a warning of the calling function: how far up the code is that is not of this package."""
    level, frame = 1, sys._getframe(1)
    package = __name__.partition(".")[0] + "."
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(package):
        level, frame = level + 1, frame.f_back
    return level


def _is_inside(space: spaces.Space[Any], value: Any) -> bool:
    # The shape and type of a box are given by the layout; what is left is quicker to ask than `contains`.
    if isinstance(space, spaces.Box):
        return bool(((value >= space.low) & (value <= space.high)).all())
    return bool(space.contains(value))


def _point_at(value: Any, wrong: Any) -> str:
    """The first of the wrong elements and its place; an observation can be a whole picture."""
    elements = np.asarray(value)
    places = np.argwhere(wrong)
    first = tuple(places[0].tolist())
    index = "".join(f"[{i}]" for i in first)
    more = f" (and {len(places) - 1} more)" if len(places) > 1 else ""
    return f"{elements[first]} at {index}{more}"


def _fault_of(space: spaces.Space[Any], value: Any) -> tuple[str, str, str] | None:
    """What was expected of a value outside its space, what it is, and what to do; None if it is out of bounds only."""
    if np.asarray(value).dtype.kind == "f" and np.isnan(value).any():
        remedy = "Look for a division by zero, or for a vector of length zero that was normalized."
        return "numbers", _point_at(value, np.isnan(value)), remedy
    if isinstance(space, spaces.Box):
        return None
    return str(space), str(value), "Answer a value of the space, or let the space have room for it."


def _error(what: str, where: str, fault: tuple[str, str, str]) -> InvalidObservationError:
    expected, got, remedy = fault
    return InvalidObservationError(
        f"{what} is not in its space.", where=where, expected=expected, got=got, remedy=remedy
    )

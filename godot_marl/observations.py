"""Checks what a scene answers, as it arrives."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from godot_marl.codec import Reply
from godot_marl.errors import InvalidObservationError
from godot_marl.protocol import AgentDescription, SceneDescription
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

    def check(self, slot: int, observation: Any) -> None:
        """Check the observation of the agent in this slot.

        Raises:
            InvalidObservationError: It holds NaN, or an integer that its space does not have.
        """
        agent = self._agents[slot]
        for place, space, value in leaves(agent.observation_space, observation):
            if _is_inside(space, value):
                continue
            if np.asarray(value).dtype.kind == "f" and np.isnan(value).any():
                remedy = "Look for a division by zero, or for a vector of length zero that was normalized."
                raise _error(agent, place, "numbers", _point_at(value, np.isnan(value)), remedy)
            if not isinstance(space, spaces.Box):
                remedy = "Answer a value of the space, or let get_observation_space() have room for it."
                raise _error(agent, place, str(space), str(value), remedy)
            if slot not in self._warned:
                self._warned.add(slot)
                outside = _point_at(value, (value < space.low) | (value > space.high))
                warnings.warn(
                    f"{agent.path}.get_observation(): the observation of agent {agent.name}{place} is outside its "
                    f"space {space}: {outside}. It is passed on unclipped; widen "
                    "get_observation_space(). This is said once for each agent.",
                    ObservationOutOfBoundsWarning,
                    stacklevel=7,
                )

    def rewards(self, reply: Reply, slots: Sequence[int]) -> list[float]:
        """The rewards of the agents in these slots.

        Raises:
            InvalidObservationError: One is NaN.
        """
        rewards: list[float] = reply.rewards[0, slots].tolist()
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


def _error(agent: AgentDescription, place: str, expected: str, got: str, remedy: str) -> InvalidObservationError:
    return InvalidObservationError(
        f"The observation of agent {agent.name}{place} is not in its space.",
        where=f"{agent.path}.get_observation()",
        expected=expected,
        got=got,
        remedy=remedy,
    )

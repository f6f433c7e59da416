"""Checks actions before they are sent."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from godot_marl.errors import InvalidActionError
from godot_marl.protocol.spaces import membership

# Without uint64, which Discrete.contains() refuses.
_INTEGERS = frozenset({int, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32})


def validate_names(actions: Mapping[str, Any], live: Sequence[str], known: Collection[str]) -> None:
    """Check that there is an action for each live agent, and none for an agent that does not exist.

    Raises:
        InvalidActionError: One is missing or unknown.
    """
    if not isinstance(actions, Mapping):
        raise InvalidActionError(
            "The actions are not a dictionary.",
            where="step(actions)",
            expected="a dictionary from agent name to action",
            got=f"{type(actions).__name__}: {actions!r}",
        )
    missing = [name for name in live if name not in actions]
    unknown = [] if len(actions) == len(live) and not missing else [name for name in actions if name not in known]
    if missing or unknown:
        raise InvalidActionError(
            "An action is missing." if missing else "There is an action for an agent that the scene does not have.",
            where=", ".join(map(str, missing or unknown)),
            expected=f"one action for each of {', '.join(live)}",
            got=f"actions for {', '.join(map(str, actions)) or 'no agent'}",
        )


class DiscreteFastPath:
    """Accepts the most frequent actions quickly: integers in the range of a Discrete space.

    Args:
        action_spaces: The agents' spaces by name.
    """

    def __init__(self, action_spaces: Mapping[str, spaces.Space[Any]]) -> None:
        self._ranges = {
            name: (int(space.start), int(space.start) + int(space.n))
            for name, space in action_spaces.items()
            if isinstance(space, spaces.Discrete) and space.dtype == np.int64
        }

    def needing_check(self, actions: Mapping[str, Any]) -> list[str]:
        """The agents whose actions need a check against their space."""
        ranges = self._ranges
        needing_check = []
        for name, action in actions.items():
            if type(action) in _INTEGERS and name in ranges:
                begin, end = ranges[name]
                if begin <= action < end:
                    continue
            needing_check.append(name)
        return needing_check


class ActionValidator:
    """Checks that actions are in their spaces.

    Args:
        action_spaces: The agents' spaces by name.

    Raises:
        InvalidSpaceError: A space is of an unknown type.
    """

    def __init__(self, action_spaces: Mapping[str, spaces.Space[Any]]) -> None:
        self._spaces = dict(action_spaces)
        self._contains = {name: membership(space, name) for name, space in action_spaces.items()}
        self._fast_path = DiscreteFastPath(action_spaces)

    def validate(self, actions: Mapping[str, Any]) -> None:
        """Check the actions of agents that exist.

        Raises:
            InvalidActionError: An action is outside its space.
        """
        for name in self._fast_path.needing_check(actions):
            action = actions[name]
            if not self._contains[name](action):
                raise InvalidActionError(
                    f"The action of agent {name} is outside its action space.",
                    where=name,
                    expected=str(self._spaces[name]),
                    got=f"{type(action).__name__}: {action!r}",
                    remedy="Give a value that action_space(agent).contains() accepts.",
                )

"""Checks actions before they are sent."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from godot_marl.errors import InvalidActionError

# Not uint64, of which Discrete says that it does not fit.
_INTEGERS = frozenset({int, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32})


def check_names(actions: Mapping[str, Any], live: Sequence[str], known: Collection[str]) -> None:
    """Check that there is an action for each live agent, and none for an agent that does not exist.

    Raises:
        InvalidActionError: One is missing or unknown.
    """
    if not isinstance(actions, Mapping):
        raise InvalidActionError(
            "The actions are no dictionary.",
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
            got=f"actions for {', '.join(map(str, actions)) or 'nobody'}",
        )


class UsualActions:
    """Knows the actions that need no closer look: integers in the range of a Discrete space.

    Args:
        action_spaces: The agents' spaces by name.
    """

    def __init__(self, action_spaces: Mapping[str, spaces.Space[Any]]) -> None:
        self._ranges = {
            name: (int(space.start), int(space.start) + int(space.n))
            for name, space in action_spaces.items()
            if isinstance(space, spaces.Discrete) and space.dtype == np.int64
        }

    def others(self, actions: Mapping[str, Any]) -> list[str]:
        """The agents whose actions `check_action` must look at."""
        ranges = self._ranges
        others = []
        for name, action in actions.items():
            if type(action) in _INTEGERS and name in ranges:
                begin, end = ranges[name]
                if begin <= action < end:
                    continue
            others.append(name)
        return others


def check_action(name: str, space: spaces.Space[Any], action: Any) -> None:
    """Check that an agent's action is in its space.

    Raises:
        InvalidActionError: It is not.
    """
    if not _contains(space, action):
        raise InvalidActionError(
            f"The action of agent {name} is outside its action space.",
            where=name,
            expected=str(space),
            got=f"{type(action).__name__}: {action!r}",
            remedy="Give a value that action_space(agent).contains() accepts.",
        )


def _contains(space: spaces.Space[Any], action: Any) -> bool:
    """Whether an action is in a space. Numbers of another width are welcome, as trainers make them."""
    if isinstance(space, spaces.Box):
        if not isinstance(action, (np.ndarray, list, tuple)):
            return False
        array = np.asarray(action)
        if array.dtype.kind not in "fiu" or array.shape != space.shape:
            return False
        return b"\0" not in ((array >= space.low) & (array <= space.high)).tobytes()
    if isinstance(space, spaces.Discrete) and isinstance(action, np.ndarray):
        return action.size == 1 and action.dtype.kind in "iu" and bool(space.contains(int(action.item())))
    return bool(space.contains(action))

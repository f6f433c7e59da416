"""One thread at a time: two that use one environment would get each other's answers."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from godot_marl.errors import BusyEnvironmentError

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


class Turn:
    """Whose turn it is to talk to the game. A context manager; who comes while it is another's is refused.

    A mark and no lock, so that Ctrl-C between its two ends leaves nothing that the same thread cannot take again. Each
    process has a mark of its own: in a forked child the thread that had the turn is not there to give it back.
    """

    def __init__(self) -> None:
        # The thread whose turn it is, by process.
        self._marks: dict[int, int] = {}

    def __enter__(self) -> None:
        me = threading.get_ident()
        if self._marks.setdefault(os.getpid(), me) != me:
            raise BusyEnvironmentError(
                "Two threads use one environment at the same time.",
                where=f"the thread {threading.current_thread().name!r}",
                expected="one call at a time",
                got="a call while another thread waits for the game",
                remedy="Give each thread an environment of its own, or let them take turns with a lock.",
            )

    def __exit__(self, *_: object) -> None:
        self._marks.pop(os.getpid(), None)

    def __reduce__(self) -> tuple[type[Turn], tuple[()]]:
        """A copy in another process is nobody's yet."""
        return Turn, ()


class HasTurn(Protocol):
    """What takes turns."""

    turn: Turn


_Owner = TypeVar("_Owner", bound=HasTurn)
_Method = Callable[Concatenate[_Owner, _Parameters], _Result]


def in_turn(method: _Method[_Owner, _Parameters, _Result]) -> _Method[_Owner, _Parameters, _Result]:
    """Let a method be called by one thread at a time, and by none while another such method goes on."""

    @functools.wraps(method)
    def alone(self: _Owner, /, *args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Result:
        with self.turn:
            return method(self, *args, **kwargs)

    return alone

"""Runs calls in parallel threads, and keeps an environment to one thread at a time."""

from __future__ import annotations

import contextlib
import functools
import os
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Concatenate, Generic, ParamSpec, Protocol, TypeVar

from godot_marl.errors import BusyEnvironmentError

_Result = TypeVar("_Result")

_POLL_SECONDS = 0.2


def run_all(calls: Sequence[Callable[[], _Result]], name: str) -> list[_Result]:
    """Run all calls in parallel, each in its own thread, and return their results in order.

    The first exception, or Ctrl-C, is raised at once. The other calls then keep running: the caller must make them end
    soon.

    Args:
        calls: The functions to call. Each has its own deadlines.
        name: The prefix of the threads' names.
    """
    if len(calls) == 1:
        return [calls[0]()]
    ends: queue.SimpleQueue[_End[_Result]] = queue.SimpleQueue()
    for index, call in enumerate(calls):
        threading.Thread(target=_call, args=(index, call, ends), name=f"{name} {index}", daemon=True).start()
    results = {}
    for _ in calls:
        end = _next(ends)
        results[end.index] = end.result()
    return [results[index] for index in range(len(calls))]


def _next(ends: queue.SimpleQueue[_End[_Result]]) -> _End[_Result]:
    while True:
        # With a timeout, since on some systems, and in notebooks, Ctrl-C does not end an unbounded wait.
        with contextlib.suppress(queue.Empty):
            return ends.get(timeout=_POLL_SECONDS)


class _End(Generic[_Result]):
    def __init__(self, index: int, results: list[_Result], error: BaseException | None) -> None:
        self.index = index
        self._results = results
        self._error = error

    def result(self) -> _Result:
        if self._error is not None:
            raise self._error
        return self._results[0]


def _call(index: int, call: Callable[[], _Result], ends: queue.SimpleQueue[_End[_Result]]) -> None:
    try:
        ends.put(_End(index, [call()], None))
    except BaseException as error:  # raised in the thread that collects the results
        ends.put(_End(index, [], error))


_Parameters = ParamSpec("_Parameters")


class ExclusiveUse:
    """A context manager that lets one thread use a game, and rejects any other.

    It stores the owner instead of holding a lock, so that the same thread can enter again after Ctrl-C. Each process
    has its own owner: a forked child does not have the thread that would release it.

    Raises:
        BusyEnvironmentError: Another thread is inside.
    """

    def __init__(self) -> None:
        # The thread that is inside, by process.
        self._owners: dict[int, int] = {}

    def __enter__(self) -> None:
        me = threading.get_ident()
        if self._owners.setdefault(os.getpid(), me) != me:
            raise BusyEnvironmentError(
                "Two threads use one environment at the same time.",
                where=f"the thread {threading.current_thread().name!r}",
                expected="one call at a time",
                got="a call while another thread waits for the game",
                remedy="Give each thread an environment of its own, or let them take turns with a lock.",
            )

    def __exit__(self, *_: object) -> None:
        self._owners.pop(os.getpid(), None)

    def __reduce__(self) -> tuple[type[ExclusiveUse], tuple[()]]:
        """A copy, also in another process, has no owner."""
        return ExclusiveUse, ()


class HasExclusiveUse(Protocol):
    """An object whose `exclusive` methods share one `ExclusiveUse`."""

    exclusive_use: ExclusiveUse


_Owner = TypeVar("_Owner", bound=HasExclusiveUse)
_Method = Callable[Concatenate[_Owner, _Parameters], _Result]


def exclusive(method: _Method[_Owner, _Parameters, _Result]) -> _Method[_Owner, _Parameters, _Result]:
    """Decorate a method so that one thread at a time runs it or any other such method of the object."""

    @functools.wraps(method)
    def wrapper(self: _Owner, /, *args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Result:
        with self.exclusive_use:
            return method(self, *args, **kwargs)

    return wrapper

"""Several calls at once, of which none is waited for in vain."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

_Result = TypeVar("_Result")

_LISTEN_SECONDS = 0.2


def together(calls: Sequence[Callable[[], _Result]], name: str) -> list[_Result]:
    """Make all calls at once, each in a thread of its own, and return their results.

    The first exception is raised at once, also Ctrl-C here. The other calls then go on unheard: it is for the caller to
    see to it that they end soon.

    Args:
        calls: What to do. Each has deadlines of its own.
        name: What to call the threads.
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
        # Not for ever at once: on some systems, and in some notebooks, Ctrl-C ends no such wait.
        with contextlib.suppress(queue.Empty):
            return ends.get(timeout=_LISTEN_SECONDS)


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
    except BaseException as error:  # whatever it is, it is raised where the result is wanted
        ends.put(_End(index, [], error))

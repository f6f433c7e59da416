"""What this process and all that it started take of the machine."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import psutil

MEBIBYTE = 2**20


@dataclass(frozen=True)
class Reading:
    """The gauges at one moment.

    Attributes:
        python_mib: Memory of this process that no other shares, in MiB.
        games_mib: The same of all games and their supervisors.
        handles: Open files, sockets and pipes of this process.
        processes: Processes that this one has started, and those that they have.
        threads: Threads of this process.
        sockets: Network sockets of this process, those that listen included.
    """

    python_mib: float
    games_mib: float
    handles: int
    processes: int
    threads: int
    sockets: int


def read_gauges() -> Reading:
    """Read all gauges now."""
    here = psutil.Process()
    children = here.children(recursive=True)
    games = 0
    for child in children:
        # One may end meanwhile.
        with contextlib.suppress(psutil.Error):
            games += child.memory_full_info().uss
    return Reading(
        python_mib=here.memory_full_info().uss / MEBIBYTE,
        games_mib=games / MEBIBYTE,
        handles=here.num_fds() if hasattr(here, "num_fds") else here.num_handles(),
        processes=len(children),
        threads=here.num_threads(),
        sockets=len(here.net_connections("inet")),
    )

"""How much of the machine this process and its children use."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import psutil

MEBIBYTE = 2**20


@dataclass(frozen=True)
class ResourceUsage:
    """The resource usage at one moment.

    Attributes:
        python_mib: Memory of this process that it shares with no other, in MiB.
        games_mib: The same of all games and their supervisors.
        handles: Open files, sockets and pipes of this process.
        processes: Processes that this one has started, and those that they have.
        threads: Threads of this process.
        sockets: Network sockets of this process, listening ones included.
    """

    python_mib: float
    games_mib: float
    handles: int
    processes: int
    threads: int
    sockets: int


def read_usage() -> ResourceUsage:
    """Read the resource usage now."""
    here = psutil.Process()
    children = here.children(recursive=True)
    games = 0
    for child in children:
        # A child may end while it is read.
        with contextlib.suppress(psutil.Error):
            games += child.memory_full_info().uss
    return ResourceUsage(
        python_mib=here.memory_full_info().uss / MEBIBYTE,
        games_mib=games / MEBIBYTE,
        handles=here.num_fds() if hasattr(here, "num_fds") else here.num_handles(),
        processes=len(children),
        threads=here.num_threads(),
        sockets=len(here.net_connections("inet")),
    )

"""Chooses the CPUs that the workers of a vector environment run on."""

from __future__ import annotations

import os
import time
from pathlib import Path

_STATISTICS = Path("/proc/stat")
_SAMPLE_SECONDS = 0.05


def choose_cpus(count: int) -> list[int | None]:
    """Choose a CPU for each of `count` workers, the least busy first; None where the system offers no choice.

    A physics engine hands even small amounts of work to threads, and waking a thread on another CPU takes longer than
    the work: a worker that stays on one CPU steps many small worlds several times as fast.
    """
    if not hasattr(os, "sched_getaffinity"):
        return [None] * count
    allowed = sorted(os.sched_getaffinity(0))
    busy = _busy_shares()
    allowed.sort(key=lambda cpu: busy.get(cpu, 0.0))
    return [allowed[i % len(allowed)] for i in range(count)]


def _busy_shares() -> dict[int, float]:
    """The load of each CPU, from 0 to 1; empty where the system does not report it."""
    before = _read_times()
    time.sleep(_SAMPLE_SECONDS)
    after = _read_times()
    shares = {}
    for cpu, (idle, total) in after.items():
        idle_before, total_before = before.get(cpu, (idle, total))
        passed = total - total_before
        # Rounded, since small differences are noise.
        shares[cpu] = round(1.0 - (idle - idle_before) / passed, 1) if passed else 0.0
    return shares


def _read_times() -> dict[int, tuple[int, int]]:
    """The idle and the total time of each CPU since the system started, in clock ticks."""
    times = {}
    try:
        lines = _STATISTICS.read_text().splitlines()
    except OSError:
        return {}
    for line in lines:
        name, *numbers = line.split()
        if name.startswith("cpu") and name != "cpu":
            ticks = [int(number) for number in numbers]
            times[int(name[3:])] = (ticks[3] + ticks[4], sum(ticks[:8]))
    return times

"""What a soak measured: the samples, their slopes, and whether anything grew."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from godot_marl_benchmarks.resource_usage import ResourceUsage

WARM_UP = 0.2
"""The first part of a run, in which caches fill: growth counts from its end."""
MEMORY_SLACK_MIB = 16.0
"""How much memory may grow in a run of any length."""
MEMORY_SLOPE_MIB = 4.0
"""How much memory may grow in each hour beside that: 56 MiB in ten hours."""
STEP_TIME_RATIO = 2.0
"""How much longer a step may take in the last third of a run than in the first, in the quickest interval of each."""
STEP_TIME_HOURS = 0.1
"""A run that is shorter after its warm-up is not judged by this, as another program may disturb a third of it."""

COUNTS = ("handles", "processes", "threads", "sockets")
"""What may not be higher at the end than after the warm-up."""
MEMORIES = ("python_mib", "games_mib")


@dataclass(frozen=True)
class SoakSample:
    """One moment of a soak.

    Attributes:
        seconds: Since its beginning.
        usage: The resource usage.
        step_us: The median step time of each form since the last sample, in microseconds.
    """

    seconds: float
    usage: ResourceUsage
    step_us: dict[str, float]


@dataclass
class SoakCurve:
    """What a soak measured.

    Attributes:
        samples: In their order.
        before: The resource usage before the first environment was made.
        after: The same after all environments were closed.
        counts: Steps, resets, births, deaths, kills, restarted workers, and environments made again.
        failure: Why it ended early; None if it did not.
        interrupted: True if Ctrl-C ended it.
    """

    samples: list[SoakSample] = field(default_factory=list)
    before: ResourceUsage | None = None
    after: ResourceUsage | None = None
    counts: dict[str, int] = field(default_factory=dict)
    failure: str | None = None
    interrupted: bool = False

    @property
    def settled(self) -> list[SoakSample]:
        """The samples after the warm-up; all samples of a run that is too short."""
        end = self.samples[-1].seconds if self.samples else 0.0
        settled = [sample for sample in self.samples if sample.seconds >= end * WARM_UP]
        return settled if len(settled) > 1 else self.samples

    @property
    def hours(self) -> float:
        """How many hours the run lasted after its warm-up."""
        settled = self.settled
        return (settled[-1].seconds - settled[0].seconds) / 3600 if settled else 0.0

    def values(self, name: str) -> list[float]:
        """The values of a resource after the warm-up."""
        return [float(getattr(sample.usage, name)) for sample in self.settled]

    def step_times(self, form: str) -> list[float]:
        """The median step times of a form after the warm-up, in microseconds; intervals without steps are left out."""
        return [sample.step_us[form] for sample in self.settled if form in sample.step_us]

    def slope(self, values: list[float]) -> float:
        """How much `values` grow in an hour: the slope of the straight line that fits best."""
        if len(values) < 3 or self.hours == 0.0:
            return 0.0
        return float(np.polyfit(np.linspace(0.0, self.hours, len(values)), values, 1)[0])

    @property
    def growths(self) -> list[str]:
        """A sentence for each value that grew beyond its bound."""
        found = [*self._counts_that_grew(), *self._memories_that_grew(), *self._steps_that_slowed()]
        if self.before is not None and self.after is not None:
            for name in COUNTS:
                first, last = getattr(self.before, name), getattr(self.after, name)
                if last > first:
                    found.append(f"{name}: {last} after all environments were closed, {first} before")
        return found

    @property
    def faults(self) -> list[str]:
        """Why the run ended early, if it did, and what grew."""
        failure = [f"it ended early: {self.failure}"] if self.failure is not None else []
        return failure + self.growths

    def _counts_that_grew(self) -> list[str]:
        found = []
        for name in COUNTS:
            values = self.values(name)
            # A single sample may still count a game that is ending.
            tenth = -(-len(values) // 10)
            if values and min(values[-tenth:]) > max(values[:tenth]):
                found.append(f"{name}: {min(values[-tenth:]):g} at the end, {max(values[:tenth]):g} after the warm-up")
        return found

    def _memories_that_grew(self) -> list[str]:
        found = []
        allowed = MEMORY_SLACK_MIB + MEMORY_SLOPE_MIB * self.hours
        for name in MEMORIES:
            growth = self.slope(self.values(name)) * self.hours
            if growth > allowed:
                found.append(f"{name}: {growth:.1f} MiB more since the warm-up, {allowed:.1f} are allowed")
        return found

    def _steps_that_slowed(self) -> list[str]:
        found = []
        for form in self.forms:
            times = self.step_times(form)
            third = len(times) // 3
            if not third or self.hours < STEP_TIME_HOURS:
                continue
            # The quickest intervals, as other programs can only make steps slower.
            first, last = min(times[:third]), min(times[-third:])
            if last > STEP_TIME_RATIO * first:
                found.append(f"{form}: {last:.0f} us a step in the last third, {first:.0f} in the first")
        return found

    @property
    def forms(self) -> list[str]:
        """The forms of environments that were stepped."""
        return list(dict.fromkeys(form for sample in self.samples for form in sample.step_us))

    def rows(self) -> list[tuple[str, float, float, float]]:
        """For each resource and form its name, first and last value after the warm-up, and growth in an hour."""
        resources = [(name, self.values(name)) for name in (*MEMORIES, *COUNTS)]
        times = [(f"{form}_us", self.step_times(form)) for form in self.forms]
        return [(name, values[0], values[-1], self.slope(values)) for name, values in resources + times if values]

    def to_json(self) -> dict[str, Any]:
        """The curve, for JSON."""
        return {
            "bounds": {
                "warm_up": WARM_UP,
                "memory_slack_mib": MEMORY_SLACK_MIB,
                "memory_slope_mib_an_hour": MEMORY_SLOPE_MIB,
                "step_time_ratio": STEP_TIME_RATIO,
                "step_time_hours": STEP_TIME_HOURS,
            },
            "counts": self.counts,
            "failure": self.failure,
            "interrupted": self.interrupted,
            "before": self.before and asdict(self.before),
            "after": self.after and asdict(self.after),
            "faults": self.faults,
            "rows": [
                {"name": name, "first": first, "last": last, "an_hour": slope}
                for name, first, last, slope in self.rows()
            ],
            "samples": [asdict(sample) for sample in self.samples],
        }


def medians(times: dict[str, list[float]]) -> dict[str, float]:
    """The median step time of each form, in microseconds, of times in seconds; forms without steps are left out."""
    return {form: statistics.median(values) * 1e6 for form, values in times.items() if values}

"""What a soak has shown: the samples, their slopes, and whether anything grew."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from godot_marl.bench.gauges import Reading

WARM_UP = 0.2
"""The part of a run, from its beginning, in which caches fill: growth counts from there."""
MEMORY_SLACK_MIB = 16.0
"""How much memory may grow in a run of any length."""
MEMORY_SLOPE_MIB = 4.0
"""How much memory may grow in each hour beside that: a night of ten hours then takes 56 MiB."""
STEP_TIME_RATIO = 2.0
"""How much longer a step may take in the last third of the run than in the first, of each its quickest interval."""
STEP_TIME_HOURS = 0.1
"""A run that is shorter after its warm-up says nothing about that: another program may take a third of it."""

COUNTED = ("handles", "processes", "threads", "sockets")
"""What may not be more at the end than after the warm-up."""
MEMORIES = ("python_mib", "games_mib")


@dataclass(frozen=True)
class SoakSample:
    """One moment of a soak.

    Attributes:
        seconds: Since its beginning.
        gauges: What was taken of the machine.
        step_us: For each form the median of the times of its steps since the last sample, in microseconds.
    """

    seconds: float
    gauges: Reading
    step_us: dict[str, float]


@dataclass
class SoakCurve:
    """What a soak has shown.

    Attributes:
        samples: In their order.
        before: The gauges before the first environment was made, and after all were closed.
        after: See `before`.
        counts: How often what happened: steps, resets, births, deaths, restarts, kills, and workers replaced.
        failure: Why it ended before its time; None if it did not.
        interrupted: True if Ctrl-C ended it.
    """

    samples: list[SoakSample] = field(default_factory=list)
    before: Reading | None = None
    after: Reading | None = None
    counts: dict[str, int] = field(default_factory=dict)
    failure: str | None = None
    interrupted: bool = False

    @property
    def settled(self) -> list[SoakSample]:
        """The samples after the warm-up; all of a run that was too short to have any."""
        end = self.samples[-1].seconds if self.samples else 0.0
        settled = [sample for sample in self.samples if sample.seconds >= end * WARM_UP]
        return settled if len(settled) > 1 else self.samples

    @property
    def hours(self) -> float:
        """How long the run was after its warm-up."""
        settled = self.settled
        return (settled[-1].seconds - settled[0].seconds) / 3600 if settled else 0.0

    def values(self, name: str) -> list[float]:
        """The values of a gauge after the warm-up."""
        return [float(getattr(sample.gauges, name)) for sample in self.settled]

    def step_times(self, form: str) -> list[float]:
        """The median times of a form's steps after the warm-up, in microseconds; without intervals that had none."""
        return [sample.step_us[form] for sample in self.settled if form in sample.step_us]

    def slope(self, values: list[float]) -> float:
        """How much `values` grow in an hour: of the straight line that fits best."""
        if len(values) < 3 or self.hours == 0.0:
            return 0.0
        return float(np.polyfit(np.linspace(0.0, self.hours, len(values)), values, 1)[0])

    @property
    def growths(self) -> list[str]:
        """What grew beyond its bound, in a sentence each; empty if nothing did."""
        found = [*self._counts_that_grew(), *self._memories_that_grew(), *self._steps_that_slowed()]
        if self.before is not None and self.after is not None:
            for name in COUNTED:
                first, last = getattr(self.before, name), getattr(self.after, name)
                if last > first:
                    found.append(f"{name}: {last} after all environments were closed, {first} before")
        return found

    @property
    def faults(self) -> list[str]:
        """All that speaks against the run: why it ended before its time, and what grew."""
        failure = [f"it ended before its time: {self.failure}"] if self.failure is not None else []
        return failure + self.growths

    def _counts_that_grew(self) -> list[str]:
        found = []
        for name in COUNTED:
            values = self.values(name)
            # A game that ends at the moment of a sample may still be counted, so one sample says nothing.
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
            # The quickest intervals: other programs only ever make steps slower.
            first, last = min(times[:third]), min(times[-third:])
            if last > STEP_TIME_RATIO * first:
                found.append(f"{form}: {last:.0f} us a step in the last third, {first:.0f} in the first")
        return found

    @property
    def forms(self) -> list[str]:
        """The forms of environments that were stepped."""
        return list(dict.fromkeys(form for sample in self.samples for form in sample.step_us))

    def rows(self) -> list[tuple[str, float, float, float]]:
        """For each gauge and form its name, first and last value after the warm-up, and growth in an hour."""
        gauges = [(name, self.values(name)) for name in (*MEMORIES, *COUNTED)]
        times = [(f"{form}_us", self.step_times(form)) for form in self.forms]
        return [(name, values[0], values[-1], self.slope(values)) for name, values in gauges + times if values]

    def to_json(self) -> dict[str, Any]:
        """The curve as JSON knows it."""
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
    """The median of each form's step times, from seconds to microseconds; a form without steps is left out."""
    return {form: statistics.median(values) * 1e6 for form, values in times.items() if values}

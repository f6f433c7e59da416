"""What a measurement brings, and how steps are timed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from godot_marl.bench.cases import Case

# Steps before the clock starts, and the share of the measured time that they take at least.
_WARM_UP_STEPS = 10
_WARM_UP_SHARE = 0.2


@dataclass(frozen=True)
class Figures:
    """One measurement.

    Attributes:
        steps: How often all agents acted.
        agent_steps: How many actions were taken.
        seconds: How long that took, resets included.
        durations: Seconds of single steps, all or evenly spread ones; empty if they are not known.
    """

    steps: int
    agent_steps: int
    seconds: float
    durations: Sequence[float] = field(default=(), repr=False)

    @property
    def rate(self) -> float:
        """Agent-steps a second."""
        return self.agent_steps / self.seconds

    @property
    def step_microseconds(self) -> float:
        """Microseconds a step on average, resets included."""
        return self.seconds / self.steps * 1e6

    def to_json(self) -> dict[str, Any]:
        """The figures, and quantiles of the single steps, as JSON knows them."""
        members: dict[str, Any] = {
            "steps": self.steps,
            "agent_steps": self.agent_steps,
            "seconds": self.seconds,
            "agent_steps_per_second": self.rate,
            "microseconds_per_step": self.step_microseconds,
        }
        if len(self.durations) > 1:
            cuts = statistics.quantiles(self.durations, n=100)
            members["microseconds_of_steps"] = {"median": cuts[49] * 1e6, "p95": cuts[94] * 1e6, "p99": cuts[98] * 1e6}
        return members


def time_steps(step: Callable[[], int], seconds: float) -> Figures:
    """Step for so long, after a short while that does not count.

    Args:
        step: Steps once, and answers how many agents acted.
        seconds: How long to measure. The step that is under way then is the last.
    """
    clock = time.perf_counter
    begin = clock()
    taken = 0
    while taken < _WARM_UP_STEPS or clock() - begin < seconds * _WARM_UP_SHARE:
        step()
        taken += 1
    durations: list[float] = []
    agent_steps = 0
    begin = before = clock()
    while before - begin < seconds:
        agent_steps += step()
        now = clock()
        durations.append(now - before)
        before = now
    return Figures(len(durations), agent_steps, before - begin, durations)


@dataclass
class Measurement:
    """A case and its figures, one for each round.

    Attributes:
        case: What was measured.
        rounds: The figures; empty if it failed at once.
        failure: Why it could not be measured; None if it could.
    """

    case: Case
    rounds: list[Figures] = field(default_factory=list)
    failure: str | None = None

    @property
    def rate(self) -> float | None:
        """Agent-steps a second: the median of the rounds, None if there is none."""
        return statistics.median(figures.rate for figures in self.rounds) if self.rounds else None

    @property
    def step_microseconds(self) -> float | None:
        """Microseconds a step: the median of the rounds, None if there is none."""
        return statistics.median(figures.step_microseconds for figures in self.rounds) if self.rounds else None

    def to_json(self) -> dict[str, Any]:
        """The case and all its figures as JSON knows them."""
        world = self.case.world
        return {
            "form": self.case.form,
            "game": world.game,
            "agents_of_a_worker": world.agents,
            "arrangement": world.arrangement,
            "observation": world.observation,
            "workers": world.workers,
            "layout": world.layout,
            "agent_steps_per_second": self.rate,
            "microseconds_per_step": self.step_microseconds,
            "rounds": [figures.to_json() for figures in self.rounds],
            "failure": self.failure,
        }


class Measurements(dict[Case, Measurement]):
    """All measurements of a run, by case."""

    def rate(self, case: Case) -> float | None:
        """Agent-steps a second of a case; None if it was not measured."""
        measurement = self.get(case)
        return measurement.rate if measurement else None

    def step_microseconds(self, case: Case) -> float | None:
        """Microseconds a step of a case; None if it was not measured."""
        measurement = self.get(case)
        return measurement.step_microseconds if measurement else None

    def share_of_ceiling(self, case: Case) -> float | None:
        """Its agent-steps a second as a share of the ceiling's; None if either was not measured."""
        rate, most = self.rate(case), self.rate(Case("ceiling", case.world))
        return rate / most if rate is not None and most else None

"""Times steps, and keeps what was measured."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from godot_marl.bench.cases import Case

# The warm-up ends after so many steps and this share of the measured time, whichever comes last.
_WARM_UP_STEPS = 10
_WARM_UP_SHARE = 0.2


class AnyCase(Protocol):
    """What was measured."""

    def to_json(self) -> dict[str, Any]:
        """What it is, for JSON."""


CaseType = TypeVar("CaseType", bound=AnyCase)
Actions = TypeVar("Actions")


@dataclass(frozen=True)
class Timing:
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
        """The timing, and quantiles of the single steps, for JSON."""
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


def time_steps(step: Callable[[], int], seconds: float) -> Timing:
    """Step for so long, after a warm-up that does not count.

    Args:
        step: Steps once, and returns how many agents acted.
        seconds: How long to measure. The step that runs at that moment is the last.
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
    return Timing(len(durations), agent_steps, before - begin, durations)


def time_chosen_steps(choose: Callable[[], Actions], step: Callable[[Actions], int], seconds: float) -> Timing:
    """Step for so long, after a warm-up that does not count; the time of choosing actions does not count either.

    Args:
        choose: Returns the actions of the next step.
        step: Steps once with them, and returns how many agents acted.
        seconds: How long to measure. The step that runs at that moment is the last.
    """
    clock = time.perf_counter
    durations: list[float] = []
    spent = 0.0
    agent_steps = 0
    is_warm = False
    while spent < seconds:
        actions = choose()
        begin = clock()
        acted = step(actions)
        duration = clock() - begin
        durations.append(duration)
        spent += duration
        agent_steps += acted
        if not is_warm and len(durations) >= _WARM_UP_STEPS and spent >= seconds * _WARM_UP_SHARE:
            is_warm = True
            durations.clear()
            spent, agent_steps = 0.0, 0
    return Timing(len(durations), agent_steps, spent, durations)


@dataclass
class Measurement(Generic[CaseType]):
    """A case and its timings, one for each round.

    Attributes:
        case: What was measured.
        rounds: The timings; empty if the first round failed.
        failure: Why it could not be measured; None if it could.
    """

    case: CaseType
    rounds: list[Timing] = field(default_factory=list)
    failure: str | None = None

    @property
    def rate(self) -> float | None:
        """Agent-steps a second: the median of the rounds, None if there is none."""
        return statistics.median(timing.rate for timing in self.rounds) if self.rounds else None

    @property
    def step_microseconds(self) -> float | None:
        """Microseconds a step: the median of the rounds, None if there is none."""
        return statistics.median(timing.step_microseconds for timing in self.rounds) if self.rounds else None

    def to_json(self) -> dict[str, Any]:
        """The case and all its timings, for JSON."""
        return {
            **self.case.to_json(),
            "agent_steps_per_second": self.rate,
            "microseconds_per_step": self.step_microseconds,
            "rounds": [timing.to_json() for timing in self.rounds],
            "failure": self.failure,
        }


class Measurements(dict[Case, Measurement[Case]]):
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

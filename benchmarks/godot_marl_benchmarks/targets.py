"""The targets of the project's speed, and what a run measured of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from godot_marl.bench.cases import Case, Form, Layout, World
from godot_marl.bench.timing import Measurements

if TYPE_CHECKING:
    # It imports PyTorch, which takes seconds.
    from godot_marl_benchmarks.ppo import Learned

Learning: TypeAlias = "dict[Form, list[Learned]]"


@dataclass(frozen=True)
class Target:
    """A ratio of measurements, and how high it should be.

    Attributes:
        name: What is compared with what.
        minimum: The ratio to reach at least.
        aim: The ratio to aim at.
        measure: Computes it from a run; None if the run lacks a part of it.
        is_share: Whether it is shown in percent.
    """

    name: str
    minimum: float
    aim: float
    measure: Callable[[Measurements, Learning], float | None]
    is_share: bool = False

    def format(self, ratio: float) -> str:
        """A ratio as the table shows it."""
        return f"{ratio:.0%}" if self.is_share else f"{ratio:.2f} times"


@dataclass(frozen=True)
class Row:
    """A target, and what a run measured of it.

    Attributes:
        target: The target.
        ratio: The measured ratio; None if the run lacks a part of it.
    """

    target: Target
    ratio: float | None

    @property
    def verdict(self) -> str:
        """The ratio compared with the target."""
        if self.ratio is None:
            return "not measured"
        if self.ratio >= self.target.aim:
            return "target reached"
        if self.ratio >= self.target.minimum:
            return "minimum reached"
        return "two thirds of the minimum" if self.ratio >= self.target.minimum * 2 / 3 else "below two thirds"

    def to_json(self) -> dict[str, Any]:
        """The row, for JSON."""
        target = self.target
        return {
            "case": target.name,
            "at_least": target.minimum,
            "target": target.aim,
            "ratio": self.ratio,
            "verdict": self.verdict,
        }


def rows_of(measurements: Measurements, learning: Learning) -> list[Row]:
    """What a run measured of each target; nothing comes from another run or machine."""
    return [Row(target, target.measure(measurements, learning)) for target in TARGETS]


def median_seconds(learned: Sequence[Learned]) -> float | None:
    """Seconds until the target return, the median of the seeds; None if a seed did not reach it."""
    if not learned or not all(run.reached for run in learned):
        return None
    return statistics.median(run.seconds for run in learned)


def _rates(case: Case, other: Case) -> Callable[[Measurements, Learning], float | None]:
    """The agent-steps a second of a case, divided by those of another one."""

    def measure(measurements: Measurements, _: Learning) -> float | None:
        return _ratio(measurements.rate(case), measurements.rate(other))

    return measure


def _ratio(value: float | None, other: float | None) -> float | None:
    return None if value is None or other is None else value / other


def _against_rival(agents: int, form: Form) -> Callable[[Measurements, Learning], float | None]:
    return _rates(Case(form, World(agents)), Case("rival", World(agents)))


def _share(measurements: Measurements, _: Learning) -> float | None:
    return measurements.share_of_ceiling(Case("vector", World(256)))


def _learns_faster(_: Measurements, learning: Learning) -> float | None:
    return _ratio(median_seconds(learning.get("rival-sb3", ())), median_seconds(learning.get("sb3", ())))


def _collects(layout: Layout) -> Callable[[Measurements, Learning], float | None]:
    many = World(16, "arenas", game="cartpole", layout=layout)
    return _rates(Case("ppo", many), Case("ppo", World(1, "arenas", game="cartpole")))


TARGETS = (
    Target("1 agent: parallel_env.step against the rival's step", 3, 4, _against_rival(1, "parallel")),
    Target("16 agents of one worker, vector form, against the rival", 3, 4, _against_rival(16, "vector")),
    Target("64 agents, vector form, against the rival", 4, 5, _against_rival(64, "vector")),
    Target("256 agents, vector form, against the rival", 5, 6, _against_rival(256, "vector")),
    Target("256 agents, vector form: share of the ceiling", 0.70, 0.85, _share, is_share=True),
    Target(
        "1,024 agents against 256, vector form, agent-steps/s",
        1,
        1,
        _rates(Case("vector", World(1024)), Case("vector", World(256))),
    ),
    Target(
        "2 workers against 1, 256 agents each, vector form",
        1.5,
        1.8,
        _rates(Case("vector", World(256, workers=2)), Case("vector", World(256))),
    ),
    Target("cartpole, 16 arenas against 1, stable-baselines3 collects", 4, 8, _collects("separate")),
    Target("the same with layout shared", 4, 8, _collects("shared")),
    Target("PPO to a mean return of 240, 16 agents, against the rival", 1.5, 2, _learns_faster),
)
"""The rows of the table of ratios."""

"""What a run in a checkout measured, and its file bench.json."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from godot_marl.bench.results import Results
from godot_marl_benchmarks.memory import MemoryCurve
from godot_marl_benchmarks.soak.report import SoakCurve
from godot_marl_benchmarks.targets import Learning, Row, median_seconds, rows_of


@dataclass
class DeveloperResults(Results):
    """What a run in a checkout measured.

    Attributes:
        learning: How PPO learned, by form; empty if that was not measured.
        memory: The memory of a long run; None if that was not measured.
        soak: What a soak measured; None if there was none.
    """

    learning: Learning = field(default_factory=dict)
    memory: MemoryCurve | None = None
    soak: SoakCurve | None = None

    @property
    def rows(self) -> list[Row]:
        """What the run measured of each target."""
        return rows_of(self.measurements, self.learning)

    @property
    def failures(self) -> list[str]:
        """What could not be measured, and what the soak found."""
        return super().failures + [f"the soak found: {fault}" for fault in (self.soak.faults if self.soak else ())]

    def to_json(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            **super().to_json(),
            "ratios": [row.to_json() for row in self.rows],
            "learning": [
                {
                    "form": form,
                    "median_seconds": median_seconds(runs),
                    "runs": [{**asdict(run), "reached": run.reached} for run in runs],
                }
                for form, runs in self.learning.items()
            ],
            "memory": self.memory.to_json() if self.memory else None,
            "soak": self.soak.to_json() if self.soak else None,
        }

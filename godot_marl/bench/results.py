"""What a run brought: the whole of it, as JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from godot_marl.bench.figures import Measurements
from godot_marl.bench.goals import Learning, Row, median_seconds, rows_of
from godot_marl.version import __version__

if TYPE_CHECKING:
    from godot_marl.bench.memory import MemoryCurve
    from godot_marl.bench.soak_curve import SoakCurve


# A load above this is more than what an idle desktop has.
_QUIET = 0.5


def load_average() -> float | None:
    """How many programs wanted a processor in the last minute; None where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


@dataclass
class Results:
    """What a run brought.

    Attributes:
        engine_version: The Godot that ran.
        settings: How it was measured, by name.
        load: How many programs wanted a processor in the minute before; None where the system does not tell.
        measurements: The figures of all cases.
        learning: How learning went, by form; empty if that was not measured.
        memory: The memory of a long run; None if that was not measured.
        soak: What a long night showed; None if there was none.
    """

    engine_version: str
    settings: Mapping[str, Any]
    load: float | None = None
    measurements: Measurements = field(default_factory=Measurements)
    learning: Learning = field(default_factory=dict)
    memory: MemoryCurve | None = None
    soak: SoakCurve | None = None

    @property
    def is_disturbed(self) -> bool:
        """True if other programs were busy, so that figures will vary."""
        return self.load is not None and self.load > _QUIET

    @property
    def rows(self) -> list[Row]:
        """What the run says about each goal."""
        return rows_of(self.measurements, self.learning)

    @property
    def failures(self) -> list[str]:
        """What could not be measured, and why."""
        return [f"{m.case}: {m.failure}" for m in self.measurements.values() if m.failure is not None]

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON knows it."""
        return {
            "machine": {
                "system": platform.system(),
                "processor": platform.machine(),
                "cpus": os.cpu_count(),
                "python": platform.python_version(),
                "engine": self.engine_version,
                "godot_marl": __version__,
                "load_before": self.load,
            },
            "settings": dict(self.settings),
            "measurements": [
                {**measurement.to_json(), "share_of_ceiling": self.measurements.share_of_ceiling(case)}
                for case, measurement in self.measurements.items()
            ],
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

    def save(self, path: Path) -> None:
        """Write all of it to a JSON file."""
        path.write_text(json.dumps(self.to_json(), indent=1) + "\n", encoding="utf-8")

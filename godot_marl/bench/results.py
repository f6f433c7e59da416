"""What a run measured, and its file bench.json."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from godot_marl.bench.timing import Measurements
from godot_marl.version import __version__

# An idle desktop stays below this load.
_QUIET = 0.5


def load_average() -> float | None:
    """How many programs wanted a processor in the last minute; None if the system does not say."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def is_busy(load: float | None) -> bool:
    """True if other programs were busy, so that timings will vary."""
    return load is not None and load > _QUIET


def describe_machine(engine_version: str, load: float | None) -> dict[str, Any]:
    """The machine and the versions of a run, for JSON."""
    return {
        "system": platform.system(),
        "processor": platform.machine(),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "engine": engine_version,
        "godot_marl": __version__,
        "load_before": load,
    }


def write_json(path: Path, members: Mapping[str, Any]) -> None:
    """Write a run's file."""
    path.write_text(json.dumps(members, indent=1) + "\n", encoding="utf-8")


@dataclass
class Results:
    """What a run measured.

    Attributes:
        engine_version: The version of Godot.
        settings: How it was measured, by name.
        load: How many programs wanted a processor in the minute before; None if the system does not say.
        measurements: The timings of all cases.
    """

    engine_version: str
    settings: Mapping[str, Any]
    load: float | None = None
    measurements: Measurements = field(default_factory=Measurements)

    @property
    def failures(self) -> list[str]:
        """What could not be measured, and why."""
        return [f"not measured: {m.case}: {m.failure}" for m in self.measurements.values() if m.failure is not None]

    def to_json(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            "machine": describe_machine(self.engine_version, self.load),
            "settings": dict(self.settings),
            "measurements": [
                {**measurement.to_json(), "share_of_ceiling": self.measurements.share_of_ceiling(case)}
                for case, measurement in self.measurements.items()
            ],
        }

    def save(self, path: Path) -> None:
        """Write all of it to a JSON file."""
        write_json(path, self.to_json())

"""The verdict on constructed soak curves; `tests/integration/cli/test_soak.py` has the real engine."""

from __future__ import annotations

import json

import pytest

from godot_marl_benchmarks.resource_usage import ResourceUsage
from godot_marl_benchmarks.soak.report import SoakCurve, SoakSample

CALM = ResourceUsage(python_mib=60.0, games_mib=200.0, handles=20, processes=8, threads=7, sockets=4)


def curve_of(hours: float, **growth: float) -> SoakCurve:
    """A run of 101 samples in which resources, or the times of a step, grow evenly by so much over the run."""
    samples = []
    for i in range(101):
        now = {name: getattr(CALM, name) + growth.get(name, 0.0) * i / 100 for name in vars(CALM)}
        counted = {name: int(now[name]) for name in ("handles", "processes", "threads", "sockets")}
        samples.append(
            SoakSample(
                hours * 36 * i, ResourceUsage(**{**now, **counted}), {"vector": 500.0 + growth.get("us", 0.0) * i / 100}
            )
        )
    return SoakCurve(samples, before=CALM, after=CALM)


def test_a_soak_without_growth_has_no_fault() -> None:
    assert curve_of(10.0).faults == []
    # Noise of any size, as on a busy machine, is no growth of what is quickest.
    assert curve_of(10.0, python_mib=10.0, games_mib=-20.0, us=200.0).faults == []


@pytest.mark.parametrize(
    ("growth", "fault"),
    [
        ({"handles": 1.5}, "handles: 21 at the end, 20 after the warm-up"),
        ({"processes": 2.0}, "processes: "),
        ({"threads": 40.0}, "threads: "),
        ({"sockets": 3.0}, "sockets: "),
        ({"python_mib": 100.0}, "python_mib: 80.0 MiB more since the warm-up, 48.0 are allowed"),
        ({"games_mib": 300.0}, "games_mib: 240.0 MiB more"),
        ({"us": 2000.0}, "vector: "),
    ],
    ids=str,
)
def test_growth_in_a_soak_is_a_fault(growth: dict[str, float], fault: str) -> None:
    (found,) = curve_of(10.0, **growth).faults
    assert found.startswith(fault)


def test_anything_left_after_close_is_a_fault() -> None:
    curve = curve_of(1.0)
    curve.after = ResourceUsage(**{**vars(CALM), "handles": 21})
    assert curve.faults == ["handles: 21 after all environments were closed, 20 before"]


def test_a_game_that_failed_is_a_fault_and_an_empty_run_is_none() -> None:
    assert SoakCurve(failure="It fell over.").faults == ["it ended early: It fell over."]
    assert SoakCurve().faults == []
    json.dumps(SoakCurve().to_json())

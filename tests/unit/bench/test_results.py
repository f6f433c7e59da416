"""The table, the JSON and the plot of a run with constructed timings."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from godot_marl.bench.cases import Case, World
from godot_marl.bench.plots import draw_speed
from godot_marl.bench.results import Results, is_busy
from godot_marl.bench.timing import Measurement, Measurements, Timing
from godot_marl.cli.bench_output import speed_table

RATES = {
    Case("ceiling", World(1)): 200_000,
    Case("parallel", World(1)): 12_000,
    Case("ceiling", World(256)): 800_000,
    Case("vector", World(256)): 600_000,
}
RIVAL = Case("rival", World(1))


@pytest.fixture
def results() -> Results:
    measurements = Measurements(
        {case: Measurement(case, [Timing(rate // 10, rate, 1.0, [1e-3, 2e-3])]) for case, rate in RATES.items()}
    )
    broken = Case("sb3", World(256))
    measurements[broken] = Measurement(broken, failure="The game ended.")
    return Results("4.6.3", {"seconds": 1.0}, 0.25, measurements)


def test_the_table_shows_every_timing(results: Results) -> None:
    written = io.StringIO()
    Console(width=120, file=written).print(speed_table(results.measurements))
    for part in ("256 agents, 4 numbers", "600,000", "75%", "failed"):
        assert part in written.getvalue()


def test_only_with_the_rival_there_is_a_column_for_it(results: Results) -> None:
    assert [column.header for column in speed_table(results.measurements).columns][-1] == "of the ceiling"
    results.measurements[RIVAL] = Measurement(RIVAL, [Timing(400, 4_000, 1.0)])
    table = speed_table(results.measurements)
    assert table.columns[-1].header == "against rival"
    assert "3.0 times" in table.columns[-1].cells


def test_json_holds_everything_and_no_path(results: Results, tmp_path: Path) -> None:
    results.save(tmp_path / "bench.json")
    text = (tmp_path / "bench.json").read_text()
    assert str(Path.home()) not in text
    saved = json.loads(text)
    assert saved["machine"]["engine"] == "4.6.3"
    assert saved["machine"]["load_before"] == 0.25
    assert len(saved["measurements"]) == len(RATES) + 1
    vector = next(m for m in saved["measurements"] if m["form"] == "vector")
    assert vector["agents_of_a_worker"] == 256
    assert vector["agent_steps_per_second"] == 600_000
    assert vector["share_of_ceiling"] == 0.75
    assert vector["rounds"][0]["microseconds_of_steps"]["median"] == pytest.approx(1500)
    assert next(m for m in saved["measurements"] if m["form"] == "sb3")["failure"] == "The game ended."
    assert results.failures == ["not measured: stable-baselines3: 256 agents, 4 numbers: The game ended."]


def test_a_high_load_is_busy() -> None:
    assert [is_busy(load) for load in (None, 0.2, 1.5)] == [False, False, True]


def test_a_plot_is_drawn_of_any_run(results: Results, tmp_path: Path) -> None:
    for name, run in (("speed", results), ("empty", Results("4.6.3", {}))):
        assert draw_speed(run, tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")

"""The targets, the tables, the JSON and the plots of a run with constructed timings."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from godot_marl.bench.cases import Case, World
from godot_marl.bench.timing import Measurement, Measurements, Timing
from godot_marl_benchmarks.memory import MemoryCurve, Sample
from godot_marl_benchmarks.plots import draw_learning, draw_memory
from godot_marl_benchmarks.ppo import Learned
from godot_marl_benchmarks.results import DeveloperResults
from godot_marl_benchmarks.soak.report import SoakCurve
from godot_marl_benchmarks.tables import print_learning, print_memory, target_table
from godot_marl_benchmarks.targets import TARGETS, Row, Target, rows_of

RATES = {
    Case("ceiling", World(1)): 200_000,
    Case("parallel", World(1)): 12_000,
    Case("rival", World(1)): 4_000,
    Case("ceiling", World(256)): 800_000,
    Case("vector", World(256)): 600_000,
    Case("vector", World(1024)): 590_000,
    Case("vector", World(256, workers=2)): 700_000,
    Case("ppo", World(1, "arenas", game="cartpole")): 1_000,
    Case("ppo", World(16, "arenas", game="cartpole")): 9_000,
}


@pytest.fixture
def results() -> DeveloperResults:
    measurements = Measurements(
        {case: Measurement(case, [Timing(rate // 10, rate, 1.0)]) for case, rate in RATES.items()}
    )
    return DeveloperResults("4.6.3", {"seconds": 1.0}, 0.25, measurements)


def learned(seed: int, seconds: float, mean_return: float = 241.0) -> Learned:
    return Learned(seed, seconds, 50_000, mean_return, [(1.0, 20.0), (seconds, mean_return)])


def test_ratios_come_from_this_run_alone(results: DeveloperResults) -> None:
    rows = {row.target.name: row for row in results.rows}
    assert [row.target for row in rows.values()] == list(TARGETS)
    measured = {name: (row.ratio, row.verdict) for name, row in rows.items() if row.ratio is not None}
    two_thirds = "two thirds of the minimum"
    assert measured == {
        "1 agent: parallel_env.step against the rival's step": (3.0, "minimum reached"),
        "256 agents, vector form: share of the ceiling": (0.75, "minimum reached"),
        "1,024 agents against 256, vector form, agent-steps/s": (pytest.approx(0.983, abs=1e-3), two_thirds),
        "2 workers against 1, 256 agents each, vector form": (pytest.approx(1.167, abs=1e-3), two_thirds),
        "cartpole, 16 arenas against 1, stable-baselines3 collects": (9.0, "target reached"),
    }
    assert {row.verdict for row in rows.values() if row.ratio is None} == {"not measured"}
    assert all(row.ratio is None for row in rows_of(Measurements(), {}))


def test_a_verdict_has_four_grades() -> None:
    target = Target("a", 3, 4, lambda _, __: None)
    grades = {ratio: Row(target, ratio).verdict for ratio in (4.0, 3.0, 2.0, 1.9)}
    assert grades == {
        4.0: "target reached",
        3.0: "minimum reached",
        2.0: "two thirds of the minimum",
        1.9: "below two thirds",
    }


def test_learning_counts_only_if_every_seed_reaches_the_target() -> None:
    ours, theirs = [learned(0, 5.0), learned(1, 6.0), learned(2, 9.0)], [learned(0, 12.0)]
    assert rows_of(Measurements(), {"sb3": ours, "rival-sb3": theirs})[-1].ratio == 2.0
    assert rows_of(Measurements(), {"sb3": ours})[-1].ratio is None
    assert rows_of(Measurements(), {"sb3": [*ours, learned(3, 30.0, 100.0)], "rival-sb3": theirs})[-1].ratio is None


def test_the_table_shows_every_target(results: DeveloperResults) -> None:
    written = io.StringIO()
    Console(width=130, file=written).print(target_table(results.rows))
    for part in ("3.00 times", "75%", "not measured", "target reached", *(target.name for target in TARGETS)):
        assert part in written.getvalue()


def test_json_holds_everything_and_no_path(results: DeveloperResults, tmp_path: Path) -> None:
    results.learning = {"sb3": [learned(0, 5.0)]}
    results.memory = MemoryCurve([Sample(steps, 1.0, 2**20 * steps, 2**20) for steps in range(20)])
    results.soak = SoakCurve(failure="It fell over.")
    results.save(tmp_path / "bench.json")
    text = (tmp_path / "bench.json").read_text()
    assert str(Path.home()) not in text
    saved = json.loads(text)
    assert len(saved["measurements"]) == len(RATES)
    assert [row["case"] for row in saved["ratios"]] == [target.name for target in TARGETS]
    assert saved["learning"][0]["median_seconds"] == 5.0
    assert saved["memory"]["python_growth_mib"] == 17
    assert saved["memory"]["game_growth_mib"] == 0
    assert saved["soak"]["failure"] == "It fell over."
    assert results.failures == ["the soak found: it ended early: It fell over."]


def test_plots_are_drawn_of_any_run(results: DeveloperResults, tmp_path: Path) -> None:
    results.learning = {"sb3": [learned(0, 5.0)], "rival-sb3": []}
    paths = [
        draw_memory(MemoryCurve([Sample(steps, 1.0, 2**27, 2**26) for steps in range(20)]), tmp_path / "memory.png"),
        draw_learning(results, tmp_path / "learning.png"),
    ]
    for path in paths:
        assert path.read_bytes().startswith(b"\x89PNG")


def test_learning_and_memory_are_printed(results: DeveloperResults) -> None:
    results.learning = {"sb3": [learned(0, 5.0)], "rival-sb3": [learned(0, 30.0, 100.0)]}
    written = io.StringIO()
    console = Console(width=120, file=written)
    print_learning(results, console)
    print_memory(MemoryCurve([Sample(steps, 1.0, 2**20, 2**20) for steps in range(20)]), console)
    text = written.getvalue()
    assert "stable-baselines3: median 5.0 s" in text
    assert "Godot RL Agents, stable-baselines3: not learned" in text
    assert "Python +0.0 MiB, Godot +0.0 MiB" in text

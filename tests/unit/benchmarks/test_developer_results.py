"""The goals, the tables, the JSON and the pictures of a run, from figures that are made up."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from godot_marl.bench.cases import Case, World
from godot_marl.bench.figures import Figures, Measurement, Measurements
from godot_marl.bench.goals import GOALS, Goal, Row, rows_of
from godot_marl.bench.learning import Learned
from godot_marl.bench.memory import MemoryCurve, Sample
from godot_marl.bench.pictures import draw_learning, draw_memory, draw_speed
from godot_marl.bench.results import Results
from godot_marl.cli.bench_tables import goal_table, print_results, speed_table

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
def results() -> Results:
    measurements = Measurements(
        {case: Measurement(case, [Figures(rate // 10, rate, 1.0, [1e-3, 2e-3])]) for case, rate in RATES.items()}
    )
    broken = Case("sb3", World(256))
    measurements[broken] = Measurement(broken, failure="The game ended.")
    return Results("4.6.3", {"seconds": 1.0}, 0.25, measurements)


def learned(seed: int, seconds: float, mean_return: float = 241.0) -> Learned:
    return Learned(seed, seconds, 50_000, mean_return, [(1.0, 20.0), (seconds, mean_return)])


def test_ratios_come_from_this_run_alone(results: Results) -> None:
    rows = {row.goal.name: row for row in results.rows}
    assert [row.goal for row in rows.values()] == list(GOALS)
    measured = {name: (row.ratio, row.verdict) for name, row in rows.items() if row.ratio is not None}
    assert measured == {
        "1 agent: parallel_env.step against the rival's step": (3.0, "reached"),
        "256 agents, vector form: share of the ceiling": (0.75, "reached"),
        "1,024 agents against 256, vector form, agent-steps/s": (pytest.approx(0.983, abs=1e-3), "two thirds of it"),
        "2 workers against 1, 256 agents each, vector form": (pytest.approx(1.167, abs=1e-3), "two thirds of it"),
        "cartpole, 16 arenas against 1, stable-baselines3 collects": (9.0, "goal reached"),
    }
    assert {row.verdict for row in rows.values() if row.ratio is None} == {"not measured"}
    assert all(row.ratio is None for row in rows_of(Measurements(), {}))


def test_a_verdict_has_four_grades() -> None:
    goal = Goal("a", 3, 4, lambda _, __: None)
    grades = {ratio: Row(goal, ratio).verdict for ratio in (4.0, 3.0, 2.0, 1.9)}
    assert grades == {4.0: "goal reached", 3.0: "reached", 2.0: "two thirds of it", 1.9: "below two thirds"}


def test_learning_counts_only_if_every_seed_reaches_the_goal() -> None:
    ours, theirs = [learned(0, 5.0), learned(1, 6.0), learned(2, 9.0)], [learned(0, 12.0)]
    assert rows_of(Measurements(), {"sb3": ours, "rival-sb3": theirs})[-1].ratio == 2.0
    assert rows_of(Measurements(), {"sb3": ours})[-1].ratio is None
    assert rows_of(Measurements(), {"sb3": [*ours, learned(3, 30.0, 100.0)], "rival-sb3": theirs})[-1].ratio is None


def test_the_tables_show_every_figure(results: Results) -> None:
    written = io.StringIO()
    Console(width=120, file=written).print(speed_table(results.measurements), goal_table(results.rows))
    text = written.getvalue()
    for part in ("256 agents, 4 numbers", "600,000", "75%", "3.0 times", "failed", "not measured", "goal reached"):
        assert part in text


def test_without_the_rival_there_is_no_column_for_it(results: Results) -> None:
    del results.measurements[Case("rival", World(1))]
    assert [column.header for column in speed_table(results.measurements).columns][-1] == "of the ceiling"


def test_json_holds_everything_and_no_path(results: Results, tmp_path: Path) -> None:
    results.learning = {"sb3": [learned(0, 5.0)]}
    results.memory = MemoryCurve([Sample(steps, 1.0, 2**20 * steps, 2**20) for steps in range(20)])
    results.save(tmp_path / "bench.json")
    text = (tmp_path / "bench.json").read_text()
    assert str(Path.home()) not in text
    saved = json.loads(text)
    assert saved["machine"]["engine"] == "4.6.3"
    assert saved["machine"]["load_before"] == 0.25
    assert len(saved["measurements"]) == len(RATES) + 1
    vector = next(m for m in saved["measurements"] if m["form"] == "vector")
    assert vector["agent_steps_per_second"] == 600_000
    assert vector["share_of_ceiling"] == 0.75
    assert vector["rounds"][0]["microseconds_of_steps"]["median"] == pytest.approx(1500)
    assert next(m for m in saved["measurements"] if m["form"] == "sb3")["failure"] == "The game ended."
    assert [row["case"] for row in saved["ratios"]] == [goal.name for goal in GOALS]
    assert saved["learning"][0]["median_seconds"] == 5.0
    assert saved["memory"]["python_growth_mib"] == 17
    assert saved["memory"]["game_growth_mib"] == 0


def test_other_programs_disturb() -> None:
    assert [Results("4.6.3", {}, load).is_disturbed for load in (None, 0.2, 1.5)] == [False, False, True]


def test_pictures_are_drawn_of_whatever_there_is(results: Results, tmp_path: Path) -> None:
    results.learning = {"sb3": [learned(0, 5.0)], "rival-sb3": []}
    curve = MemoryCurve([Sample(steps, 1.0, 2**27, 2**26) for steps in range(20)])
    empty = Results("4.6.3", {})
    paths = [
        draw_speed(results, tmp_path / "speed.png"),
        draw_speed(empty, tmp_path / "empty.png"),
        draw_memory(curve, tmp_path / "memory.png"),
        draw_learning(results, tmp_path / "learning.png"),
    ]
    for path in paths:
        assert path.read_bytes().startswith(b"\x89PNG")


def test_what_was_learned_and_remembered_is_printed(results: Results, capsys: pytest.CaptureFixture[str]) -> None:
    results.learning = {"sb3": [learned(0, 5.0)], "rival-sb3": [learned(0, 30.0, 100.0)]}
    results.memory = MemoryCurve([Sample(steps, 1.0, 2**20, 2**20) for steps in range(20)])
    print_results(results)
    text = capsys.readouterr().out
    assert "stable-baselines3: median 5.0 s" in text
    assert "Godot RL Agents, stable-baselines3: not learned" in text
    assert "Python +0.0 MiB, Godot +0.0 MiB" in text

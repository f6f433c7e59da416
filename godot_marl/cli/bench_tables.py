"""The tables that `godot-marl bench` prints."""

from __future__ import annotations

import itertools

from rich.console import Console
from rich.table import Table

from godot_marl.bench.cases import LABELS, RIVALS, Case
from godot_marl.bench.figures import Measurements
from godot_marl.bench.goals import Row, median_seconds
from godot_marl.bench.results import Results
from godot_marl.bench.soak_curve import SoakCurve

# As wide as the widest row where the output goes to a file.
_WIDTH = 120


def print_results(results: Results) -> None:
    """Print everything that was measured."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    if results.measurements:
        console.print(speed_table(results.measurements))
        console.print(goal_table(results.rows))
    for form, runs in results.learning.items():
        for run in runs:
            end = f"in {run.seconds:.1f} s" if run.reached else f"NOT in {run.seconds:.1f} s"
            console.print(
                f"PPO, {LABELS[form]}, seed {run.seed}: mean return {run.mean_return:.0f} {end}, {run.agent_steps:,} "
                f"agent-steps, {run.agent_steps / run.seconds:,.0f} a second"
            )
        median = median_seconds(runs)
        console.print(f"PPO, {LABELS[form]}: " + ("not learned" if median is None else f"median {median:.1f} s"))
    if results.learning and not results.measurements:
        console.print(goal_table([row for row in results.rows if row.ratio is not None]))
    if results.memory:
        curve = results.memory
        console.print(
            f"memory of {curve.samples[-1].steps:,} steps: Python {curve.python_growth:+.1f} MiB, "
            f"Godot {curve.game_growth:+.1f} MiB since the first tenth"
        )
    if results.soak:
        console.print(soak_table(results.soak))
        console.print(", ".join(f"{count:,} {name}" for name, count in results.soak.counts.items()))


def speed_table(measurements: Measurements) -> Table:
    """The figures of all cases, a section for each world."""
    has_rival = any(case.form in RIVALS for case in measurements)
    table = Table(title="Speed")
    table.add_column("scene")
    table.add_column("form")
    for name in ("agent-steps/s", "us a step", "of the ceiling", *(["against rival"] if has_rival else [])):
        table.add_column(name, justify="right")
    for world, group in itertools.groupby(measurements, key=lambda case: case.world):
        label = str(world)
        for case in group:
            share = measurements.share_of_ceiling(case)
            rate, rival = measurements.rate(case), measurements.rate(Case("rival", world))
            ours = case.form not in RIVALS and case.form != "ceiling"
            cells = [
                "failed" if rate is None else f"{rate:,.0f}",
                _number(measurements.step_microseconds(case)),
                "" if share is None or case.form == "ceiling" else f"{share:.0%}",
            ]
            if has_rival:
                cells.append(f"{rate / rival:.1f} times" if ours and rate and rival else "")
            table.add_row(label, LABELS[case.form], *cells)
            label = ""
        table.add_section()
    return table


_SOAK_LABELS = {"python_mib": "memory of Python, MiB", "games_mib": "memory of the games, MiB"}


def soak_table(curve: SoakCurve) -> Table:
    """The gauges of a soak after its warm-up, and the times of a step."""
    table = Table(title=f"Soak of {curve.hours * 60:.1f} minutes after the warm-up")
    table.add_column("gauge")
    for name in ("first", "last", "an hour"):
        table.add_column(name, justify="right")
    for name, first, last, slope in curve.rows():
        label = _SOAK_LABELS.get(name, f"{name.removesuffix('_us')}, us a step" if name.endswith("_us") else name)
        table.add_row(label, f"{first:,.1f}", f"{last:,.1f}", f"{slope:+,.1f}")
    return table


def goal_table(rows: list[Row]) -> Table:
    """The goals, and what was measured of them in this run."""
    table = Table(title="Ratios")
    table.add_column("case")
    for name in ("at least", "goal", "measured"):
        table.add_column(name, justify="right")
    table.add_column("")
    for row in rows:
        goal = row.goal
        measured = "" if row.ratio is None else goal.show(row.ratio)
        table.add_row(goal.name, goal.show(goal.first), goal.show(goal.goal), measured, row.verdict)
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"

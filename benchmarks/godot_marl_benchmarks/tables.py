"""The tables and lines that `godot-marl bench` prints in a checkout."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from godot_marl.bench.cases import LABELS
from godot_marl_benchmarks.memory import MemoryCurve
from godot_marl_benchmarks.results import DeveloperResults
from godot_marl_benchmarks.soak.report import SoakCurve
from godot_marl_benchmarks.targets import Row, median_seconds

_SOAK_LABELS = {"python_mib": "memory of Python, MiB", "games_mib": "memory of the games, MiB"}


def target_table(rows: Sequence[Row]) -> Table:
    """The targets, and what this run measured of them."""
    table = Table(title="Ratios")
    table.add_column("case")
    for name in ("at least", "target", "measured"):
        table.add_column(name, justify="right")
    table.add_column("")
    for row in rows:
        target = row.target
        measured = "" if row.ratio is None else target.format(row.ratio)
        table.add_row(target.name, target.format(target.minimum), target.format(target.aim), measured, row.verdict)
    return table


def print_learning(results: DeveloperResults, console: Console) -> None:
    """Print how PPO learned, a line for each seed and one for their median."""
    for form, runs in results.learning.items():
        for run in runs:
            end = f"in {run.seconds:.1f} s" if run.reached else f"NOT in {run.seconds:.1f} s"
            console.print(
                f"PPO, {LABELS[form]}, seed {run.seed}: mean return {run.mean_return:.0f} {end}, {run.agent_steps:,} "
                f"agent-steps, {run.agent_steps / run.seconds:,.0f} a second"
            )
        median = median_seconds(runs)
        console.print(f"PPO, {LABELS[form]}: " + ("not learned" if median is None else f"median {median:.1f} s"))


def print_memory(curve: MemoryCurve, console: Console) -> None:
    """Print how much the memory of both processes grew."""
    console.print(
        f"memory of {curve.samples[-1].steps:,} steps: Python {curve.python_growth:+.1f} MiB, "
        f"Godot {curve.game_growth:+.1f} MiB since the first tenth"
    )


def soak_table(curve: SoakCurve) -> Table:
    """The resource usage of a soak after its warm-up, and the times of a step."""
    table = Table(title=f"Soak of {curve.hours * 60:.1f} minutes after the warm-up")
    table.add_column("resource")
    for name in ("first", "last", "an hour"):
        table.add_column(name, justify="right")
    for name, first, last, slope in curve.rows():
        label = _SOAK_LABELS.get(name, f"{name.removesuffix('_us')}, us a step" if name.endswith("_us") else name)
        table.add_row(label, f"{first:,.1f}", f"{last:,.1f}", f"{slope:+,.1f}")
    return table

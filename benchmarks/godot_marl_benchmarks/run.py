"""A run of `godot-marl bench` in a checkout: the shipped one, with targets, Godot RL Agents, PPO, memory and soak."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from godot_marl.bench.results import Results
from godot_marl.cli.bench_output import speed_table
from godot_marl.cli.bench_run import Request, Run
from godot_marl.cli.progress import progress_bar
from godot_marl.engine import Engine
from godot_marl_benchmarks.godot_rl.runner import Rival
from godot_marl_benchmarks.plots import draw_learning, draw_memory, draw_soak
from godot_marl_benchmarks.results import DeveloperResults
from godot_marl_benchmarks.runner import DeveloperBench
from godot_marl_benchmarks.soak.report import SoakCurve
from godot_marl_benchmarks.tables import print_learning, print_memory, soak_table, target_table


class DeveloperRun(Run):
    """Measures what was requested, then saves and prints it.

    Args:
        request: What the command line chose.

    Raises:
        GameNotFoundError: The addon of Godot RL Agents is not there.
        MissingDependencyError: Its Python package is not installed.
    """

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._rival = Rival(request.godot_rl_addon) if request.godot_rl_addon else None

    def make_results(self, engine_version: str, settings: dict[str, Any], load: float | None) -> DeveloperResults:
        """The results, still empty."""
        return DeveloperResults(engine_version, settings, load)

    def measure(self, engine: Engine, results: Results, folder: Path) -> dict[str, Path]:
        """Measure into `results`, and return the plots that were drawn, by name.

        Raises:
            GodotMarlError: The project could not be prepared.
        """
        assert isinstance(results, DeveloperResults)
        request = self.request
        bench = DeveloperBench(engine, self._rival)
        files = self.measure_cases(bench, results, folder)
        if request.learning:
            click.echo("learning ...", err=True)
            results.learning = bench.learn(
                range(request.seeds), lambda form, seed: click.echo(f"  {form}, seed {seed}", err=True)
            )
            files["learning"] = draw_learning(results, folder / "learning.png")
        if request.memory:
            with progress_bar("steps") as bar:
                task = bar.add_task("watching memory", total=request.memory, note="")
                results.memory = bench.watch_memory(request.memory, lambda done: bar.update(task, completed=done))
            files["memory"] = draw_memory(results.memory, folder / "memory.png")
        if request.soak is not None:
            results.soak = _soak(bench, request.soak)
            files["soak"] = draw_soak(results.soak, folder / "soak.png")
        return files

    def print_results(self, results: Results, console: Console) -> None:
        """Print what was measured."""
        assert isinstance(results, DeveloperResults)
        if results.measurements:
            console.print(speed_table(results.measurements))
            console.print(target_table(results.rows))
        print_learning(results, console)
        if results.learning and not results.measurements:
            console.print(target_table([row for row in results.rows if row.ratio is not None]))
        if results.memory:
            print_memory(results.memory, console)
        if results.soak:
            console.print(soak_table(results.soak))
            console.print(", ".join(f"{count:,} {name}" for name, count in results.soak.counts.items()))


def _soak(bench: DeveloperBench, minutes: float) -> SoakCurve:
    with progress_bar("seconds") as bar:
        task = bar.add_task("soaking", total=round(minutes * 60), note="")
        return bench.soak(minutes, lambda seconds: bar.update(task, completed=round(seconds)))

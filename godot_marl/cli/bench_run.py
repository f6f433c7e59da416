"""A run of `godot-marl bench` without a GAME: what an installed wheel measures, prints and writes."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from godot_marl.bench.cases import Case
from godot_marl.bench.developer import REMEDY
from godot_marl.bench.plots import draw_speed
from godot_marl.bench.results import Results, is_busy, load_average
from godot_marl.bench.runner import Bench
from godot_marl.cli.bench_output import make_console, speed_table
from godot_marl.cli.engine import ProgressBars
from godot_marl.cli.progress import progress_bar
from godot_marl.engine import Engine, ensure_engine


@dataclass(frozen=True)
class Request:
    """What the command line chose; the last five are for `godot_marl_benchmarks.run` in a checkout.

    Attributes:
        cases: What to measure; may be empty.
        seconds: How long each measurement lasts.
        rounds: How often each world is measured.
        quick: Whether the short selection was chosen.
        out: The folder of results; None for a new one in `runs`.
        engine: The Godot executable; None to find or install one.
        learning: Whether to measure how long PPO learns.
        seeds: How often PPO learns.
        memory: How many steps to watch the memory of; None for none.
        soak: How many minutes to soak; None for none.
        godot_rl_addon: The addon of Godot RL Agents; None to leave it out.
    """

    cases: Sequence[Case]
    seconds: float
    rounds: int
    quick: bool
    out: Path | None
    engine: str | None
    learning: bool = False
    seeds: int = 3
    memory: int | None = None
    soak: float | None = None
    godot_rl_addon: Path | None = None


class Run:
    """Measures what was requested, then saves and prints it.

    Args:
        request: What the command line chose.
    """

    def __init__(self, request: Request) -> None:
        self.request = request

    def run(self) -> bool:
        """Measure; True if everything could be measured and nothing was found to be wrong.

        Raises:
            GodotMarlError: The engine, or the project, could not be prepared.
        """
        request = self.request
        engine = find_engine(request.engine)
        settings = {"seconds": request.seconds, "rounds": request.rounds, "quick": request.quick}
        results = self.make_results(engine.version, settings, load_average())
        warn_if_busy(results.load)
        folder = make_folder(request.out)
        files = {"results": folder / "bench.json", **self.measure(engine, results, folder)}
        results.save(files["results"])
        self.print_results(results, make_console())
        for problem in results.failures:
            click.echo(f"\n{problem}", err=True)
        for name, path in files.items():
            click.echo(f"{name}: {path}")
        return not results.failures

    def make_results(self, engine_version: str, settings: dict[str, Any], load: float | None) -> Results:
        """The results, still empty."""
        return Results(engine_version, settings, load)

    def measure(self, engine: Engine, results: Results, folder: Path) -> dict[str, Path]:
        """Measure into `results`, and return the plots that were drawn, by name.

        Raises:
            GodotMarlError: The project could not be prepared.
        """
        return self.measure_cases(Bench(engine), results, folder)

    def measure_cases(self, bench: Bench, results: Results, folder: Path) -> dict[str, Path]:
        """Measure the cases of the request, and return their plot.

        Raises:
            GodotMarlError: The project could not be prepared.
        """
        cases, rounds = self.request.cases, self.request.rounds
        if not cases:
            return {}
        with progress_bar("measurements") as bar:
            task = bar.add_task("measuring", total=len(cases) * rounds, note="")
            results.measurements = bench.measure(
                cases,
                seconds=self.request.seconds,
                rounds=rounds,
                begin=lambda case, done: bar.update(task, completed=done, note=str(case)),
            )
            bar.update(task, completed=len(cases) * rounds, note="")
        return {"plot": draw_speed(results, folder / "bench.png")}

    def print_results(self, results: Results, console: Console) -> None:
        """Print what was measured."""
        if results.measurements:
            console.print(speed_table(results.measurements))
            click.echo(f"The table of ratios is in a checkout of godot-marl only. {REMEDY}")


def find_engine(engine: str | None) -> Engine:
    """The engine that the command line names, or one that is found or installed, with progress bars.

    Raises:
        EngineError: There is none, and none could be installed.
    """
    with ProgressBars() as bars:
        return ensure_engine(engine, report=bars.report)


def warn_if_busy(load: float | None) -> None:
    """Say so on standard error if other programs are busy."""
    if is_busy(load):
        click.echo("Other programs are busy on this machine: timings will vary.", err=True)


def make_folder(out: Path | None) -> Path:
    """Make the folder of results; None for a new one in `runs`."""
    folder = out or Path("runs") / f"bench-{datetime.datetime.now():%Y%m%d-%H%M%S}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder

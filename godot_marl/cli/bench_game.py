"""`godot-marl bench GAME`: times a user's own scene."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from godot_marl.assets.games import find_game
from godot_marl.bench.cases import LABELS
from godot_marl.bench.game import GameBench, GameCase, GameChoice
from godot_marl.bench.results import describe_machine, is_busy, load_average, write_json
from godot_marl.bench.timing import Measurement
from godot_marl.cli.engine import ProgressBars
from godot_marl.engine import ensure_engine

_COLUMNS = ("form", "workers", "arenas", "agents", "steps/s", "agent-steps/s", "us a step")


def run_game(
    game: str,
    scene: str | None,
    choice: GameChoice,
    *,
    seconds: float,
    rounds: int,
    quick: bool,
    out: Path | None,
    engine: str | None,
) -> bool:
    """Measure, print and save; True if everything could be measured.

    Args:
        game: An example's name, or a path.
        scene: The scene, or None for the project's main scene.
        choice: What the user chose.
        seconds: How long each measurement lasts.
        rounds: How often each case is measured.
        quick: Whether to measure fewer arenas.
        out: The folder of bench.json; None to write none.
        engine: The Godot executable; None to find or install one.

    Raises:
        GodotMarlError: The game could not be started, or nothing can be measured of what was chosen.
    """
    path = find_game(game)
    with ProgressBars() as bars:
        found = ensure_engine(engine, report=bars.report)
    load = load_average()
    if is_busy(load):
        click.echo("Other programs are busy on this machine: timings will vary.", err=True)
    bench = GameBench(path, scene, found)
    cases = choice.select_cases(bench.describe(), quick=quick)
    measurements = bench.measure(
        cases, seconds=seconds, rounds=rounds, begin=lambda case: click.echo(f"measuring {case} ...", err=True)
    )
    for line in table_lines(measurements):
        click.echo(line)
    for measurement in measurements:
        if measurement.failure is not None:
            click.echo(f"\nnot measured: {measurement.case}: {measurement.failure}", err=True)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        members = {
            "machine": describe_machine(found.version, load),
            "settings": {"seconds": seconds, "rounds": rounds, "quick": quick},
            "game": path.name,
            "scene": scene,
            "measurements": [measurement.to_json() for measurement in measurements],
        }
        write_json(out / "bench.json", members)
        click.echo(f"results: {out / 'bench.json'}")
    return all(measurement.failure is None for measurement in measurements)


def table_lines(measurements: Sequence[Measurement[GameCase]]) -> Iterator[str]:
    """The lines of the table: its header, then one line for each case that was measured."""
    rows = [_COLUMNS, *(_cells(measurement) for measurement in measurements)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *rest in rows:
        yield first.ljust(widths[0]) + "".join(
            "  " + cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)
        )


def _cells(measurement: Measurement[GameCase]) -> tuple[str, ...]:
    case, rate, duration = measurement.case, measurement.rate, measurement.step_microseconds
    cells = (LABELS[case.form], str(case.workers), str(case.copies), str(case.agents))
    if rate is None or duration is None:
        return (*cells, "failed", "", "")
    return (*cells, f"{1e6 / duration:,.0f}", f"{rate:,.0f}", f"{duration:,.0f}")

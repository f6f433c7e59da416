"""The table that `godot-marl bench` prints without a GAME."""

from __future__ import annotations

import itertools

from rich.console import Console
from rich.table import Table

from godot_marl.bench.cases import LABELS, RIVALS, Case
from godot_marl.bench.timing import Measurements

# The width of the widest row, for output that goes to a file.
_WIDTH = 120


def make_console() -> Console:
    """A console that is wide enough for the tables where the output is not a terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=_WIDTH)


def speed_table(measurements: Measurements) -> Table:
    """The timings of all cases, a section for each world."""
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
                format_number(measurements.step_microseconds(case)),
                "" if share is None or case.form == "ceiling" else f"{share:.0%}",
            ]
            if has_rival:
                cells.append(f"{rate / rival:.1f} times" if ours and rate and rival else "")
            table.add_row(label, LABELS[case.form], *cells)
            label = ""
        table.add_section()
    return table


def format_number(value: float | None) -> str:
    """A number with about four digits; nothing for None."""
    return "" if value is None else f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"

"""`godot-marl migrate`: converts a Godot 3 project with GymGodot's node to a Godot 4 project with the bridge."""

from __future__ import annotations

from pathlib import Path

import click

from godot_marl.cli.engine import ProgressBars
from godot_marl.engine import ensure_engine
from godot_marl.gymgodot.migration import State, migrate


@click.command("migrate")
@click.argument("project", type=click.Path(path_type=Path))
@click.option("--to", "target", type=click.Path(path_type=Path), help="Folder of the copy.  [default: PROJECT-godot4]")
@click.option("--report-only", is_flag=True, help="Only report what is needed; keep no copy.")
@click.option("--engine", help="Godot 4 executable.  [default: found, or installed]")
@click.pass_context
def migrate_command(
    context: click.Context, project: Path, target: Path | None, report_only: bool, engine: str | None
) -> None:
    """Make a Godot 4 copy of PROJECT, a Godot 3 project with GymGodot's node.

    Reports file by file what the scenes and scripts need, and makes a copy with these changes; PROJECT is only read.
    Godot's converter rewrites the scripts, and the bridge replaces GymGodot's node. The exit status is 1 if some
    changes are left to you.
    """
    source = project.absolute()
    copy = None if report_only else (target or source.with_name(f"{source.name}-godot4")).absolute()
    with ProgressBars() as bars:
        found = ensure_engine(engine, report=bars.report)
    report = migrate(source, copy, found)
    click.echo(str(report))
    if copy is not None:
        click.echo(f"\nThe copy is in {copy}. Next: godot-marl check {copy}")
    context.exit(1 if report.of_state(State.HAND) else 0)

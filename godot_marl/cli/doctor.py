"""`godot-marl doctor`: says what this machine has, what is missing, and whether a game runs here."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator

import click

from godot_marl.cli import health

_INDENT = 26


@click.command("doctor")
@click.argument("game", default="cartpole")
@click.option("--scene", help="Scene to run.  [default: the project's main scene]")
@click.option("--engine", help="Godot executable.  [default: found]")
@click.option("--no-render", is_flag=True, help="Leave out the picture, for machines that only train.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.pass_context
def doctor_command(
    context: click.Context, game: str, scene: str | None, engine: str | None, no_render: bool, as_json: bool
) -> None:
    """Say what was found, what is missing, and whether a game can start, connect, step and render here.

    GAME is an example or the path of a game; without it, "cartpole". Nothing is installed. The exit status is 1 if
    something failed; what is only missing, some uses need and others do not.
    """
    begin = time.monotonic()
    checks = []
    for check in _checks(game, scene, engine, not no_render):
        checks.append(check)
        if not as_json:
            _show(check)
    failed = [check.name for check in checks if check.state == "failed"]
    if as_json:
        click.echo(json.dumps({"ok": not failed, "checks": [dataclasses.asdict(check) for check in checks]}, indent=2))
    else:
        verdict = f"FAILED: {', '.join(failed)}" if failed else "All is well"
        click.echo(f"\n{verdict}, in {time.monotonic() - begin:.1f} s")
    context.exit(1 if failed else 0)


def _checks(game: str, scene: str | None, named: str | None, with_render: bool) -> Iterator[health.Check]:
    # What it needs of the packages takes a moment to import.
    from godot_marl.cli.health_game import check_game

    yield from health.check_python()
    check, engine = health.check_engine(named)
    yield check
    yield health.check_cache()
    yield health.check_socket()
    yield health.check_machine()
    if with_render:
        yield health.check_display()
    yield from check_game(game, scene, engine, with_render=with_render)


def _show(check: health.Check) -> None:
    state = "FAILED" if check.state == "failed" else check.state
    lines = check.found.splitlines()
    if check.remedy:
        lines.append(f"  what to do: {check.remedy}")
    click.echo(f"{state:<8} {check.name:<16} {lines[0] if lines else ''}")
    for line in lines[1:]:
        click.echo(" " * _INDENT + line)

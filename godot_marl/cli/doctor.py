"""`godot-marl doctor`: reports what this machine has, what is missing, and whether a game runs."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator

import click

from godot_marl.cli import doctor_checks
from godot_marl.cli.quiet import only_errors_logged
from godot_marl.game import addon_version

_INDENT = 26


@click.command("doctor")
@click.argument("game", default="cartpole")
@click.option("--scene", help="Scene to run.  [default: the project's main scene]")
@click.option("--engine", help="Godot executable.  [default: found]")
@click.option("--no-render", is_flag=True, help="Skip rendering, for machines that only train.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.pass_context
def doctor_command(
    context: click.Context, game: str, scene: str | None, engine: str | None, no_render: bool, as_json: bool
) -> None:
    """Report what is installed and what is missing, and check that a game can start, connect, step and render.

    GAME is an example or the path of a game; the default is "cartpole". Nothing is installed. The exit status is 1 if
    a check failed; a part that is "missing" is only needed for some uses, and does not count as failed.
    """
    begin = time.monotonic()
    checks = []
    # The check of the addon reports what the logger would.
    with only_errors_logged(addon_version.logger):
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


def _checks(game: str, scene: str | None, engine_path: str | None, with_render: bool) -> Iterator[doctor_checks.Check]:
    # The module imports slow packages, which other commands must not wait for.
    from godot_marl.cli.doctor_game_checks import check_game

    yield from doctor_checks.check_python()
    check, engine = doctor_checks.check_engine(engine_path)
    yield check
    yield doctor_checks.check_cache()
    yield doctor_checks.check_socket()
    yield doctor_checks.check_machine()
    if with_render:
        yield doctor_checks.check_display()
    yield from check_game(game, scene, engine, with_render=with_render)


def _show(check: doctor_checks.Check) -> None:
    state = "FAILED" if check.state == "failed" else check.state
    lines = check.found.splitlines()
    if check.remedy:
        lines.append(f"  what to do: {check.remedy}")
    click.echo(f"{state:<8} {check.name:<16} {lines[0] if lines else ''}")
    for line in lines[1:]:
        click.echo(" " * _INDENT + line)

"""`godot-marl check`: says whether a scene is a sound environment, and what to mend where."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from typing import Any

import click

from godot_marl.cli.engine import ProgressBars
from godot_marl.cli.games import find_game
from godot_marl.engine import ensure_engine


@click.command("check")
@click.argument("game")
@click.option("--steps", type=click.IntRange(1), default=200, show_default=True, help="Random steps of each check.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seeds episodes and actions.")
@click.option(
    "--skip",
    type=click.Choice(["pettingzoo", "repeats", "copies"]),
    multiple=True,
    help="Leave out a part; may be given several times.",
)
@click.option("--scene", help="Scene to run.  [default: the project's main scene]")
@click.option("--engine", help="Godot executable.  [default: found, or installed]")
@click.pass_context
def check_command(
    context: click.Context,
    game: str,
    steps: int,
    seed: int,
    skip: tuple[str, ...],
    scene: str | None,
    engine: str | None,
) -> None:
    """Check GAME, an example such as "cartpole" or the path of a project.

    Shows the agents that its scene has, plays it at random, runs PettingZoo's own tests, compares episodes of the same
    seed, and three copies of the scene with one. The exit status is 1 if there is a fault.
    """
    # PettingZoo's tests take a second to import.
    from godot_marl.testing import Report, Suite
    from godot_marl.testing.report import describe_scene

    begin = time.monotonic()
    folder = find_game(game)
    with ProgressBars() as bars:
        found = ensure_engine(engine, report=bars.report)
    options: dict[str, Any] = {"scene": scene, "engine": found.path}
    with _without_logged_warnings(), Suite(folder, steps=steps, seed=seed, skip=skip, **options) as suite:
        report = Report(game, suite.start())
        click.echo(describe_scene(game, report.scene))
        click.echo()
        for finding in suite.run():
            report.findings.append(finding)
            click.echo(str(finding))
    verdict = "passed" if report.passed else "FAILED"
    click.echo(f"\n{verdict}: {report.summary()}, in {time.monotonic() - begin:.1f} s")
    context.exit(0 if report.passed else 1)


@contextlib.contextmanager
def _without_logged_warnings() -> Iterator[None]:
    """Each of the many games of a check would log the scene's warnings again, which are findings here."""
    logger = logging.getLogger("godot_marl.worker")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)

"""`godot-marl check`: checks that a scene works as an environment, and reports what to fix where."""

from __future__ import annotations

import time
from typing import Any

import click

from godot_marl.assets.games import find_game
from godot_marl.cli.engine import ProgressBars
from godot_marl.cli.quiet import only_errors_logged
from godot_marl.cli.seed import check_seed
from godot_marl.engine import ensure_engine
from godot_marl.game import addon_version, worker


@click.command("check")
@click.argument("game")
@click.option("--steps", type=click.IntRange(1), default=200, show_default=True, help="Random steps of each check.")
@click.option("--seed", type=int, callback=check_seed, default=0, show_default=True, help="Seeds episodes and actions.")
@click.option(
    "--skip",
    type=click.Choice(["pettingzoo", "repeats", "copies"]),
    multiple=True,
    help="Check to skip; may be given several times.",
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

    Shows the scene's agents, plays random actions, runs PettingZoo's tests, compares episodes of the same seed, and
    compares three copies of the scene with one. The exit status is 1 if there is a fault.
    """
    # PettingZoo's tests take a second to import, which other commands must not wait for.
    from godot_marl.testing import Report, Suite
    from godot_marl.testing.report import describe_scene

    begin = time.monotonic()
    folder = find_game(game)
    with ProgressBars() as bars:
        found = ensure_engine(engine, report=bars.report)
    options: dict[str, Any] = {"scene": scene, "engine": found.path}
    # These warnings are findings here, and each of the check's games would log them again.
    with (
        only_errors_logged(worker.logger, addon_version.logger),
        Suite(folder, steps=steps, seed=seed, skip=skip, **options) as suite,
    ):
        report = Report(game, suite.start())
        click.echo(describe_scene(game, report.scene))
        click.echo()
        for finding in suite.run():
            report.findings.append(finding)
            click.echo(str(finding))
    verdict = "passed" if report.passed else "FAILED"
    click.echo(f"\n{verdict}: {report.summary()}, in {time.monotonic() - begin:.1f} s")
    context.exit(0 if report.passed else 1)

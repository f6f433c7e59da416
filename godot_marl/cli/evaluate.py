"""`godot-marl evaluate`: how good a training's policies are."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from godot_marl.cli.extras import needs_sb3


@click.command("evaluate")
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--episodes", type=click.IntRange(2), default=200, show_default=True, help="Episodes of each mean.")
@click.option("--seed", type=click.IntRange(0), default=1_000_000, show_default=True, help="The first episode's seed.")
@click.option(
    "--best-of",
    type=click.IntRange(1),
    help="First choose each policy anew, as the best of so many checkpoints.  [default: as the training left it]",
)
@click.option("--engine", help="Godot executable.  [default: found, or installed]")
def evaluate_command(run: Path, episodes: int, seed: int, best_of: int | None, engine: str | None) -> None:
    """Compare the policies of RUN, a folder that `train` wrote, with other players.

    Each side plays with its trained policies against random players, scripted ones (in the examples), and an earlier
    self (where sides play against each other). The same opponents then play in its place. The difference of the two
    mean returns is printed with its 95 % interval, and written to RUN/evaluation.json.
    """
    with needs_sb3():
        from godot_marl.cli.trained import TrainedGame
        from godot_marl.training import Run, evaluation
    results = Run.open(run)
    trained = TrainedGame.find(results.game, results.scene, engine, results.settings)
    with contextlib.closing(trained.arena()) as arena:
        arena.start()
        if best_of is not None:
            for policy, choice in trained.choose_best(arena, results, best_of).items():
                mean = f"mean return {choice.mean:.3f} of {choice.episodes} episodes"
                click.echo(f"best {policy}: as it was after {choice.steps} steps ({mean})")
        comparisons = trained.evaluate(arena, results, episodes, seed)
    click.echo(evaluation.table(comparisons))

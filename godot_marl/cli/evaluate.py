"""`godot-marl evaluate`: compares the policies of a training run with other players."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from godot_marl.cli.game_argument import find_trained_game
from godot_marl.cli.requirements import needs_sb3
from godot_marl.cli.seed import check_seed


@click.command("evaluate")
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--episodes", type=click.IntRange(2), default=200, show_default=True, help="Episodes of each mean.")
@click.option(
    "--seed", type=int, callback=check_seed, default=1_000_000, show_default=True, help="The first episode's seed."
)
@click.option(
    "--best-of",
    type=click.IntRange(1),
    help="First select each policy again, as the best of N checkpoints.  [default: the policies that the run has]",
)
@click.option("--engine", help="Godot executable.  [default: found, or installed]")
def evaluate_command(run: Path, episodes: int, seed: int, best_of: int | None, engine: str | None) -> None:
    """Compare the policies of RUN, a folder that `train` wrote, with other players.

    Each side plays with its trained policies against random players, scripted ones (in the examples), and an earlier
    self (where sides play against each other). Then the opponents also play this side. The command prints the
    difference of the two mean returns with its 95 % interval, and writes it to RUN/evaluation.json.
    """
    with needs_sb3():
        from godot_marl.cli.progress import episode_progress
        from godot_marl.training import RunDirectory, evaluation
    results = RunDirectory.open(run)
    trained = find_trained_game(results.game, results.scene, engine, results.settings)
    with contextlib.closing(trained.arena()) as arena:
        arena.start()
        if best_of is not None:
            with episode_progress("selecting the best") as report:
                selected = trained.choose_best(arena, results, best_of, report=report)
            for policy, choice in selected.items():
                mean = f"mean return {choice.mean:.3f} of {choice.episodes} episodes"
                click.echo(f"best {policy}: the checkpoint of {choice.steps} steps ({mean})")
        with episode_progress("evaluating") as report:
            comparisons = trained.evaluate(arena, results, episodes, seed, report=report)
    click.echo(evaluation.table(comparisons))

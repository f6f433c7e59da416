"""`godot-marl train`: learn a policy for the agent of a game."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import click

from godot_marl.cli.engine import ProgressBars
from godot_marl.cli.extras import needs_sb3
from godot_marl.cli.games import find_game
from godot_marl.engine import ensure_engine


@click.command("train")
@click.argument("game")
@click.option("--steps", type=click.IntRange(1), help="Environment steps.  [default: the settings file's]")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seeds policy and environment.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of results.  [default: runs/GAME-DATE-TIME]")
@click.option("--settings", type=click.Path(path_type=Path), help="Settings file.  [default: the game's train.toml]")
@click.option("--episodes", type=click.IntRange(1), default=20, show_default=True, help="Episodes of the evaluation.")
@click.option("--video/--no-video", default=True, show_default=True, help="Record an episode of the learned policy.")
@click.option("--scene", help="Scene to run.  [default: the project's main scene]")
@click.option("--engine", help="Godot executable.  [default: found, or installed]")
def train_command(
    game: str,
    steps: int | None,
    seed: int,
    out: Path | None,
    settings: Path | None,
    episodes: int,
    video: bool,
    scene: str | None,
    engine: str | None,
) -> None:
    """Train PPO on GAME, an example such as "cartpole" or the path of a project.

    Writes the model, TensorBoard logs, a learning curve and a video, and prints the mean return of fresh episodes.
    """
    with needs_sb3():
        from godot_marl import training
    folder = find_game(game)
    plan = training.Settings.load(settings or folder / "train.toml", optional=settings is None, steps=steps)
    if out is None:
        out = Path("runs") / f"{Path(game).name}-{datetime.datetime.now():%Y%m%d-%H%M%S}"
    with ProgressBars() as bars:
        found = ensure_engine(engine, report=bars.report)
    options: dict[str, Any] = {"scene": scene, "engine": found.path}
    click.echo(f"training PPO on {game} for {plan.steps} steps; results in {out}")
    run = training.train(folder, options, plan, seed=seed, out=out)
    files = {"model": run.model_path, "learning curve": run.plot(), "TensorBoard": out / "tensorboard"}
    if run.interrupted:
        click.echo(f"interrupted after {run.model.num_timesteps} steps; what was learned so far is saved", err=True)
    else:
        if video:
            files["video"] = training.record(run.model, folder, options, plan, out)
        returns = training.evaluate(run.model, folder, options, plan, episodes)
        mean, deviation = returns.mean(), returns.std()
        click.echo(f"mean return {mean:.1f} +- {deviation:.1f} over {episodes} episodes")
    for name, path in files.items():
        click.echo(f"{name}: {path}")
    if run.interrupted:
        raise SystemExit(130)

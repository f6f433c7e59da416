"""`godot-marl play`: watch a trained policy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from godot_marl.cli.engine import ProgressBars
from godot_marl.cli.extras import needs_sb3
from godot_marl.cli.games import find_game
from godot_marl.engine import ensure_engine


@click.command("play")
@click.argument("game")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--episodes", type=click.IntRange(1), default=1, show_default=True, help="Episodes to play.")
@click.option(
    "--render",
    type=click.Choice(["human", "video", "none"]),
    default="human",
    show_default=True,
    help="A window in real time, a video beside the model, or neither.",
)
@click.option("--settings", type=click.Path(path_type=Path), help="Settings file.  [default: the game's train.toml]")
@click.option("--scene", help="Scene to run.  [default: the project's main scene]")
@click.option("--engine", help="Godot executable.  [default: found, or installed]")
def play_command(
    game: str,
    model: Path,
    episodes: int,
    render: str,
    settings: Path | None,
    scene: str | None,
    engine: str | None,
) -> None:
    """Play GAME with the policy in MODEL, the model.zip that `train` wrote."""
    with needs_sb3():
        from godot_marl import training
    folder = find_game(game)
    plan = training.Settings.load(settings or folder / "train.toml", optional=settings is None)
    with ProgressBars() as bars:
        found = ensure_engine(engine, report=bars.report)
    options: dict[str, Any] = {"scene": scene, "engine": found.path}
    policy = training.load(model)
    if render == "video":
        for path in training.record_episodes(policy, folder, options, plan, model.parent, episodes):
            click.echo(f"video: {path}")
        return
    if render == "human":
        options["render_mode"] = "human"
    returns = training.evaluate(policy, folder, options, plan, episodes)
    for i, value in enumerate(returns):
        click.echo(f"episode {i + 1}: return {value:.1f}")

"""`godot-marl play`: shows trained policies, and lets a human play with them."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import click

from godot_marl.cli.game_argument import check_same_game, find_trained_game
from godot_marl.cli.requirements import needs_sb3
from godot_marl.cli.seed import check_seed
from godot_marl.errors import GameExitedError


@click.command("play")
@click.argument("game")
@click.argument("run", metavar="[RUN]", required=False, type=click.Path(path_type=Path))
@click.option("--human", "humans", metavar="AGENT", multiple=True, help="Play this agent with the keyboard.")
@click.option("--episodes", type=click.IntRange(1), default=1, show_default=True, help="Episodes to play.")
@click.option("--seed", type=int, callback=check_seed, default=0, show_default=True, help="The first episode's seed.")
@click.option(
    "--render",
    type=click.Choice(["human", "video", "none"]),
    default="human",
    show_default=True,
    help="A window in real time, a video in RUN, or neither.",
)
@click.option("--scene", help="Scene to run.  [default: that of RUN, or the project's main scene]")
@click.option("--engine", help="Godot executable.  [default: found, or installed]")
def play_command(
    game: str,
    run: Path | None,
    humans: tuple[str, ...],
    episodes: int,
    seed: int,
    render: str,
    scene: str | None,
    engine: str | None,
) -> None:
    """Play GAME with the policies of RUN, a folder that `train` wrote; without RUN, with random actions.

    With --human AGENT you play that agent yourself, with the keys that the scene's get_human_action() reads; the
    policies play the other agents. Closing the window ends the command.
    """
    with needs_sb3():
        from godot_marl.training import RunDirectory, evaluation
        from godot_marl.training.players import random_players
        from godot_marl.training.video import record_episode
    if humans and render != "human":
        raise click.UsageError(f"--human needs a window: remove --render {render}")
    results = None if run is None else RunDirectory.open(run)
    if results is not None and scene is None:
        scene = results.scene
    trained = find_trained_game(game, scene, engine, None if results is None else results.settings)
    if results is not None:
        check_same_game(results, trained.name, str(results.folder))
    options: dict[str, Any] = {"none": {}, "human": {"render_mode": "human"}, "video": {"render_mode": "rgb_array"}}[
        render
    ]
    if humans:
        options["human_agents"] = humans
    with contextlib.closing(trained.arena(**options)) as arena:
        description = arena.start()
        checkpoint = None if results is None else results.best()
        players = random_players(description, seed) if checkpoint is None else trained.players(arena, checkpoint)
        name = Path(trained.name).name
        for i in range(episodes):
            if render == "video":
                folder = (results.folder if results is not None else Path("runs")) / "video"
                path = record_episode(arena, players, seed + i, folder / f"{name}-{seed + i}.mp4")
                click.echo(f"video: {path}")
                continue
            sides = trained.settings.sides_of(description)
            try:
                returns = evaluation.returns_of(arena, sides, players, [seed + i])
            except GameExitedError as error:
                # Closing the window is the normal end of a game that is watched or played.
                if render != "human" or error.exit_status != 0:
                    raise
                click.echo(f"episode {i + 1}: the window was closed")
                break
            scores = ", ".join(f"{side} {value[0]:.2f}" for side, value in returns.items())
            click.echo(f"episode {i + 1}: return {scores}")

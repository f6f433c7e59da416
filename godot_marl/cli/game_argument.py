"""The game argument of the training commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from godot_marl.assets.games import identity_of, is_known
from godot_marl.cli.engine import ProgressBars
from godot_marl.errors import InvalidOptionError

if TYPE_CHECKING:
    from godot_marl.training import RunDirectory, TrainingConfig
    from godot_marl.training.experiment import TrainedGame


def find_trained_game(
    game: str, scene: str | None, engine: str | None, settings: TrainingConfig | Path | None = None
) -> TrainedGame:
    """Call `TrainedGame.find`, and show the progress where it installs an engine."""
    from godot_marl.training.experiment import TrainedGame

    with ProgressBars() as bars:
        return TrainedGame.find(game, scene, engine, settings, report=bars.report)


def check_same_game(run: RunDirectory, game: str, where: str) -> None:
    """Check that a training run is of this game.

    The run may come from a machine without the game, and one of the two games may be an export of the other. Where the
    two cannot be compared, there is no error.

    Args:
        run: The training run.
        game: The game's name, path or identity.
        where: Where the run comes from, for the error message.

    Raises:
        InvalidOptionError: The run is of another game.
    """
    given, trained = identity_of(game), identity_of(run.game)
    if given == trained or not (is_known(given) and is_known(trained)):
        return
    raise InvalidOptionError(
        "The folder holds the training of another game.",
        where=where,
        expected=f"the game {run.game}",
        got=given,
        remedy="Use that game, or a folder with a training of this one.",
    )

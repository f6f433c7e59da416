"""What the commands take for a game: the name of an example, or a path."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from godot_marl.addon import prepare_example
from godot_marl.errors import GameNotFoundError, InvalidOptionError
from godot_marl.resources import example_names

if TYPE_CHECKING:
    from godot_marl.training import Run


def find_game(game: str) -> Path:
    """The game that a command's argument means.

    Raises:
        GameNotFoundError: It is neither an example nor a path that exists.
    """
    if game in example_names():
        return prepare_example(game)
    path = Path(game).expanduser()
    if not path.exists():
        raise GameNotFoundError(
            "There is no such game.",
            where=game,
            expected=f"an example ({', '.join(example_names())}), or the path of a project folder, a .pck file or an "
            "exported game",
            got="neither",
        )
    return path


def identity_of(game: str) -> str:
    """What a game is called from everywhere: an example by its name, any other by its absolute path."""
    return game if game in example_names() else str(Path(game).expanduser().resolve())


def check_same_game(run: Run, game: str, where: str) -> None:
    """Make sure that a training is of this game.

    It may be where the game is not, or be of a project of which an export is given, or the other way round: what cannot
    be told is let pass.

    Args:
        run: The training.
        game: The game, as it was given or by its identity.
        where: What to say of where the training comes from.

    Raises:
        InvalidOptionError: It is the training of another game.
    """
    given, trained = identity_of(game), identity_of(run.game)
    if given == trained or not (_is_known(given) and _is_known(trained)):
        return
    raise InvalidOptionError(
        "The folder is of the training of another game.",
        where=where,
        expected=f"the game {run.game}",
        got=given,
        remedy="Give that game, or the folder of one of its trainings.",
    )


def _is_known(game: str) -> bool:
    return game in example_names() or (Path(game) / "project.godot").is_file()

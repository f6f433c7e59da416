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

    Args:
        run: The training.
        game: The game, as it was given or by its identity.
        where: What to say of where the training comes from.

    Raises:
        InvalidOptionError: It is the training of another game.
    """
    given = identity_of(game)
    if identity_of(run.game) == given or (given not in example_names() and _leads_nowhere(run.game)):
        return
    raise InvalidOptionError(
        "The folder is of the training of another game.",
        where=where,
        expected=f"the game {run.game}",
        got=given,
        remedy=f'Give that game; if it has moved, correct "game" in {run.folder / "run.json"}.',
    )


def _leads_nowhere(stored: str) -> bool:
    """Whether a training has a relative path, as older ones do, and seen from here there is no game."""
    path = Path(stored)
    is_old = stored not in example_names() and not path.expanduser().is_absolute()
    return is_old and not (path.is_file() or (path / "project.godot").is_file())

"""What the commands take for a game: the name of an example, or a path."""

from __future__ import annotations

from pathlib import Path

from godot_marl.addon import prepare_example
from godot_marl.errors import GameNotFoundError
from godot_marl.resources import example_names


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

"""Finds games by an example's name or a path."""

from __future__ import annotations

from pathlib import Path

from godot_marl.assets.install import prepare_example
from godot_marl.assets.paths import example_names
from godot_marl.errors import GameNotFoundError


def find_game(game: str) -> Path:
    """Return the path of a game; an example is prepared in the cache.

    Args:
        game: An example's name, or the path of a project folder, a .pck file or an exported game.

    Raises:
        GameNotFoundError: It is neither an example nor an existing path.
        CacheError: The example could not be copied.
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
    """Return a game's identity, which is the same in every working folder: an example's name, or an absolute path."""
    return game if game in example_names() else str(Path(game).expanduser().resolve())


def is_known(game: str) -> bool:
    """Whether an identity is an example, or an existing project."""
    return game in example_names() or (Path(game) / "project.godot").is_file()

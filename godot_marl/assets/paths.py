"""Where the addon and the example projects are: in an installed wheel, or in a checkout."""

from __future__ import annotations

from pathlib import Path

from godot_marl.errors import GameNotFoundError

_PACKAGE = Path(__file__).resolve().parent
_SHIPPED = _PACKAGE / "_shipped"
_CHECKOUT = _PACKAGE.parent


def addon_folder() -> Path:
    """The folder that belongs in a game's `addons/godot_marl`."""
    shipped = _SHIPPED / "addons" / "godot_marl"
    return shipped if shipped.is_dir() else _CHECKOUT / "godot_addon" / "addons" / "godot_marl"


def benchmark_folder() -> Path:
    """The project that `godot-marl bench` measures, without the addon."""
    shipped = _SHIPPED / "benchmarks" / "project"
    return shipped if shipped.is_dir() else _CHECKOUT / "benchmarks" / "project"


def example_names() -> list[str]:
    """The names of the example projects."""
    return sorted(folder.parent.name for folder in _examples_folder().glob("*/project.godot"))


def example_folder(name: str) -> Path:
    """The source of one example project, without the addon.

    Raises:
        GameNotFoundError: There is no such example.
    """
    if name not in example_names():
        raise GameNotFoundError(
            "There is no example of this name.",
            where=name,
            expected=f"one of {', '.join(example_names())}",
            got=repr(name),
            remedy="Give one of these names, or the path of a folder that holds a project.godot.",
        )
    return _examples_folder() / name


def _examples_folder() -> Path:
    shipped = _SHIPPED / "envs"
    return shipped if shipped.is_dir() else _CHECKOUT / "envs"

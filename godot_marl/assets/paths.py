"""Paths of the addon, the examples and the benchmarks, in an installed wheel or in a checkout."""

from __future__ import annotations

from pathlib import Path

from godot_marl.errors import GameNotFoundError

_PACKAGE = Path(__file__).resolve().parents[1]
_SHIPPED = _PACKAGE / "_shipped"
_CHECKOUT = _PACKAGE.parent


def addon_folder() -> Path:
    """Return the addon's folder, the source of a game's `addons/godot_marl`."""
    shipped = _SHIPPED / "addons" / "godot_marl"
    return shipped if shipped.is_dir() else _CHECKOUT / "godot_addon" / "addons" / "godot_marl"


def benchmark_project() -> Path:
    """Return the folder of the project that `godot-marl bench` measures without a GAME, without the addon."""
    shipped = _SHIPPED / "benchmarks" / "project"
    return shipped if shipped.is_dir() else _CHECKOUT / "benchmarks" / "project"


def developer_benchmarks() -> Path | None:
    """Return the folder of the checkout that has the package `godot_marl_benchmarks`; None in an installed wheel."""
    folder = _CHECKOUT / "benchmarks"
    return folder if (folder / "godot_marl_benchmarks" / "__init__.py").is_file() else None


def example_names() -> list[str]:
    """Return the names of the example projects, sorted."""
    return sorted(folder.parent.name for folder in _examples_folder().glob("*/project.godot"))


def example_folder(name: str) -> Path:
    """Return the folder of an example project, without the addon.

    Raises:
        GameNotFoundError: There is no such example.
    """
    if name not in example_names():
        raise GameNotFoundError(
            "There is no example of this name.",
            where=name,
            expected=f"one of {', '.join(example_names())}",
            got=repr(name),
            remedy="Use one of these names, or the path of a folder with a project.godot.",
        )
    return _examples_folder() / name


def _examples_folder() -> Path:
    shipped = _SHIPPED / "envs"
    return shipped if shipped.is_dir() else _CHECKOUT / "envs"

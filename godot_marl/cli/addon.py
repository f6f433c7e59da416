"""`godot-marl addon`: installs the Godot addon."""

from __future__ import annotations

from pathlib import Path

import click

from godot_marl.assets.install import install_addon
from godot_marl.assets.paths import addon_folder
from godot_marl.version import __version__


@click.group("addon")
def addon_command() -> None:
    """Install the Godot addon that belongs to this package."""


@addon_command.command("install")
@click.argument("project", metavar="PROJECT_FOLDER", type=click.Path(path_type=Path))
def install(project: Path) -> None:
    """Copy the addon into a project, replacing another version of it."""
    folder = install_addon(project)
    click.echo(f"godot-marl {__version__} is in {folder}")
    click.echo("Now add a MarlBridge node to the scene, and the five methods of an agent to a script in it.")


@addon_command.command("path")
def path() -> None:
    """Print the path of this package's addon."""
    click.echo(addon_folder())

"""Takes the pictures of the editor: opens an example in it on a virtual display, and selects the example's bridge."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import click
from PIL import Image
from pyvirtualdisplay.display import Display

from godot_marl.assets.install import install_addon
from godot_marl.assets.paths import example_folder
from godot_marl.engine import find_engine

HERE = Path(__file__).parent
SIZE = (1600, 900)
PLUGINS = """
[editor_plugins]

enabled=PackedStringArray("res://addons/godot_marl/plugin.cfg", "res://addons/picture/plugin.cfg")
"""
PLUGIN = '[plugin]\n\nname="Picture"\ndescription=""\nauthor=""\nversion=""\nscript="editor.gd"\n'


def prepare(folder: Path, example: str) -> Path:
    """A copy of an example with the addon, and with a plugin that takes the picture."""
    project = folder / example
    shutil.copytree(example_folder(example), project, ignore=shutil.ignore_patterns(".godot", "addons"))
    install_addon(project)
    picture = project / "addons" / "picture"
    picture.mkdir()
    (picture / "plugin.cfg").write_text(PLUGIN)
    shutil.copy(HERE / "editor.gd", picture)
    return project


def edit(project: Path, home: Path, *arguments: str, **environment: str) -> None:
    """Open the editor, with settings of its own, and wait until it has closed."""
    width, height = SIZE
    command = [find_engine().path, "--editor", "--path", project, "--resolution", f"{width}x{height}", *arguments]
    with Display(backend="xvfb", size=SIZE, use_xauth=False, manage_global_env=False) as display:
        homes = {f"XDG_{kind}_HOME": str(home / kind) for kind in ("CONFIG", "DATA", "CACHE")}
        subprocess.run(
            [*command, "--position", "0,0", "--rendering-driver", "opengl3"],
            env={**os.environ, **homes, **environment, "DISPLAY": display.new_display_var},
            timeout=300,
            check=True,
        )


@click.command(help=__doc__)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--example", default="cartpole", show_default=True)
@click.option("--scene", default="cartpole.tscn", show_default=True)
def main(file: Path, example: str, scene: str) -> None:
    """Take one picture."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project = prepare(folder, example)
        # The first start imports the project; the plugins can be enabled only in the second one.
        edit(project, folder / "home", "--quit")
        with (project / "project.godot").open("a") as settings:
            settings.write(PLUGINS)
        taken = folder / "editor.png"
        edit(project, folder / "home", PICTURE_SCENE=f"res://{scene}", PICTURE_FILE=str(taken))
        with Image.open(taken) as image:
            # A palette makes the file several times smaller.
            image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(file, optimize=True)


if __name__ == "__main__":
    main()

"""The addon in the real editor."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from godot_marl.addon import install_addon
from godot_marl.engine import Engine
from godot_marl.version import __version__

pytestmark = pytest.mark.godot

PROJECT = """\
config_version=5

[debug]

gdscript/warnings/untyped_declaration=2
gdscript/warnings/unused_variable=2
gdscript/warnings/shadowed_variable=2

[editor_plugins]

enabled=PackedStringArray("res://addons/godot_marl/plugin.cfg")
"""


@pytest.fixture(scope="module")
def project(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A project with the addon and its plugin enabled, opened once in the editor, and what that printed."""
    folder = tmp_path_factory.mktemp("editor")
    (folder / "project.godot").write_text(PROJECT)
    install_addon(folder)
    output = ""
    for _ in range(2):  # as a user: the first time the editor imports, the second time it loads the plugin
        done = subprocess.run(
            [engine.path, "--headless", "--editor", "--path", folder, "--quit"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=100,
            check=True,
        )
        output = done.stdout
    return folder, output


def test_editor_loads_the_plugin_without_errors(project: tuple[Path, str]) -> None:
    assert not re.search(r"SCRIPT ERROR|Parse Error|godot_marl", project[1]), project[1]


def test_create_dialog_knows_the_bridge(project: tuple[Path, str]) -> None:
    # The Create dialog lists the global classes, with their base and icon.
    classes = (project[0] / ".godot" / "global_script_class_cache.cfg").read_text()
    entry = next(part for part in classes.split("}") if '"class": &"MarlBridge"' in part)
    assert '"base": &"Node"' in entry
    assert '"icon": "res://addons/godot_marl/icon.svg"' in entry


def test_addon_and_package_have_the_same_version(project: tuple[Path, str]) -> None:
    addon = project[0] / "addons" / "godot_marl"
    assert f'version="{__version__}"' in (addon / "plugin.cfg").read_text()
    assert f'ADDON_VERSION := "{__version__}"' in (addon / "marl_control.gd").read_text()

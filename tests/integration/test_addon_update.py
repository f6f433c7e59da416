"""Today's addon installed over one of an earlier version, whose scripts lay flat in one folder."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from one_agent_game import TROUBLE, OneAgentGame

from godot_marl.assets.install import install_addon
from godot_marl.assets.paths import addon_folder
from godot_marl.engine import Engine

pytestmark = pytest.mark.godot

# Godot has the identifiers of scripts in files beside them, which no addon brings along, and in a cache.
RESTORED = re.compile(r"WARNING: Missing \.uid file for path .* The file was re-created from cache\.")
OLD_ADDON = Path(__file__).parents[1] / "compatibility" / "addon-0.1.0"


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_new_addon_replaces_all_of_the_old_one_and_plays(engine: Engine, tmp_path: Path) -> None:
    game = OneAgentGame(engine, tmp_path)
    shutil.copytree(OLD_ADDON, game.addon)
    # Godot writes files of its own beside the scripts, and remembers the classes of the old addon.
    assert not TROUBLE.search(game.run("--import"))
    assert (game.addon / "marl_agent.gd.uid").is_file()
    assert "MarlQuickLoop" in (tmp_path / ".godot" / "global_script_class_cache.cfg").read_text()
    install_addon(tmp_path)
    ours = {name for name in files_in(addon_folder()) if not name.endswith((".uid", ".import"))}
    assert {"LICENSE", "README.md", "session/marl_session.gd"} <= ours
    assert files_in(game.addon) == ours
    output = RESTORED.sub("", game.run("--import")) + game.play()
    assert not TROUBLE.search(output), output


def test_the_addon_brings_the_licence_of_the_repository() -> None:
    licence = Path(__file__).parents[2] / "LICENSE"
    assert (addon_folder() / "LICENSE").read_bytes() == licence.read_bytes()

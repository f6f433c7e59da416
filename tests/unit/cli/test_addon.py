"""`godot-marl addon`."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from godot_marl.assets.paths import addon_folder
from godot_marl.cli import main


def test_install_copies_the_addon(tmp_path: Path) -> None:
    (tmp_path / "project.godot").write_text("config_version=5\n")
    result = CliRunner().invoke(main, ["addon", "install", str(tmp_path)])
    assert result.exit_code == 0
    installed = tmp_path / "addons" / "godot_marl"
    ours = {path.name for path in addon_folder().iterdir() if path.suffix not in (".uid", ".import")}
    assert {path.name for path in installed.iterdir()} == ours
    assert [path.name for path in (tmp_path / "addons").iterdir()] == ["godot_marl"]


def test_install_replaces_an_older_version(tmp_path: Path) -> None:
    (tmp_path / "project.godot").write_text("config_version=5\n")
    old = tmp_path / "addons" / "godot_marl"
    old.mkdir(parents=True)
    (old / "marl_gone.gd").write_text("extends Node\n")
    assert CliRunner().invoke(main, ["addon", "install", str(tmp_path)]).exit_code == 0
    assert not (old / "marl_gone.gd").exists()
    assert (old / "marl_bridge.gd").exists()


def test_install_into_a_folder_without_project(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["addon", "install", str(tmp_path)])
    assert result.exit_code == 1
    assert "This folder holds no Godot project." in result.output
    assert "no project.godot in it" in result.output


def test_path_is_the_source() -> None:
    result = CliRunner().invoke(main, ["addon", "path"])
    assert result.output.strip() == str(addon_folder())

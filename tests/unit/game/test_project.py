"""What a project folder says of itself, and when it is imported. A stand-in for the engine does the imports."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from godot_marl.engine import Engine
from godot_marl.errors import CacheError, GameImportError, GameNotFoundError, NoBridgeError
from godot_marl.game.project import Project

SETTINGS = """config_version=5

[application]

config/name="Game"
run/main_scene="res://main.tscn"

[physics]

common/physics_ticks_per_second=120
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GODOT_MARL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "game"
    folder.mkdir()
    (folder / "project.godot").write_text(SETTINGS)
    (folder / "main.tscn").write_text('[gd_scene]\n[ext_resource path="res://parts/arm.tscn"]\n')
    (folder / "parts").mkdir()
    (folder / "parts" / "arm.tscn").write_text('[gd_scene]\n[ext_resource path="res://arm.gd"]\n')
    (folder / "arm.gd").write_text("extends Node\n")
    return folder


def with_settings(folder: Path, settings: str) -> Project:
    (folder / "project.godot").write_text(settings)
    return Project(folder)


# -- Settings and scenes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "got"), [("nowhere", "no such folder"), (".", "a folder without project.godot")])
def test_a_folder_without_project_is_refused(tmp_path: Path, name: str, got: str) -> None:
    with pytest.raises(GameNotFoundError) as error:
        Project(tmp_path / name)
    assert error.value.got == got


def test_the_settings_are_read(folder: Path) -> None:
    project = Project(folder)
    assert (project.physics_fps, project.main_scene) == (120, "res://main.tscn")


def test_settings_that_are_not_there_are_those_of_the_engine(folder: Path) -> None:
    project = with_settings(folder, "config_version=5\n")
    assert (project.physics_fps, project.main_scene) == (60, None)


def test_a_comment_is_no_setting(folder: Path) -> None:
    assert with_settings(folder, '; run/main_scene="res://old.tscn"\n').main_scene is None


@pytest.mark.parametrize("scene", [None, "main.tscn", "res://main.tscn"])
def test_a_scene_is_found_by_either_kind_of_path(folder: Path, scene: str | None) -> None:
    assert Project(folder).scene_path(scene) == "res://main.tscn"


def test_a_scene_in_a_folder_is_found(folder: Path) -> None:
    assert Project(folder).scene_path("parts/arm.tscn") == "res://parts/arm.tscn"


def test_a_uid_is_left_to_the_engine(folder: Path) -> None:
    project = with_settings(folder, 'run/main_scene="uid://b3kj2"\n')
    assert project.scene_path(None) == "uid://b3kj2"
    assert project.may_have_bridge("uid://b3kj2")


def test_a_scene_that_is_not_there_names_those_that_are(folder: Path) -> None:
    with pytest.raises(GameNotFoundError) as error:
        Project(folder).scene_path("res://mian.tscn")
    assert error.value.got == "res://mian.tscn"
    assert error.value.expected == "one of res://main.tscn, res://parts/arm.tscn"


def test_a_main_scene_that_is_not_there_names_the_setting(folder: Path) -> None:
    (folder / "main.tscn").unlink()
    with pytest.raises(GameNotFoundError) as error:
        Project(folder).scene_path(None)
    assert error.value.where == "run/main_scene in project.godot"


def test_a_project_without_main_scene_says_how_to_set_one(folder: Path) -> None:
    with pytest.raises(GameNotFoundError) as error:
        with_settings(folder, "config_version=5\n").scene_path(None)
    assert "scene=" in str(error.value.remedy)


# -- The bridge --------------------------------------------------------------------------------------------------------

TO_BRIDGE = '[ext_resource path="res://addons/godot_marl/marl_bridge.gd"]\n'


def test_a_scene_that_names_no_bridge_has_none(folder: Path) -> None:
    assert not Project(folder).may_have_bridge("res://main.tscn")


@pytest.mark.parametrize("file", ["main.tscn", "parts/arm.tscn"])
def test_the_bridge_is_found_in_the_scene_and_in_its_parts(folder: Path, file: str) -> None:
    with (folder / file).open("a") as scene:
        scene.write(TO_BRIDGE)
    assert Project(folder).may_have_bridge("res://main.tscn")


def test_the_bridge_is_found_in_a_script_that_makes_one(folder: Path) -> None:
    (folder / "arm.gd").write_text("extends Node\n\nfunc _ready() -> void:\n\tadd_child(MarlBridge.new())\n")
    assert Project(folder).may_have_bridge("res://main.tscn")


def test_the_bridge_is_found_in_an_autoload(folder: Path) -> None:
    (folder / "global.gd").write_text("extends Node\nvar bridge := MarlBridge.new()\n")
    project = with_settings(folder, SETTINGS + '\n[autoload]\n\nGlobal="*res://global.gd"\n\n[rendering]\n\na=1\n')
    assert project.may_have_bridge("res://main.tscn")


def test_the_addon_itself_is_no_bridge_in_the_scene(folder: Path) -> None:
    addon = folder / "addons" / "godot_marl"
    addon.mkdir(parents=True)
    (addon / "marl_space.gd").write_text("# MarlBridge\n")
    (folder / "arm.gd").write_text('const Space := preload("res://addons/godot_marl/marl_space.gd")\n')
    assert not Project(folder).may_have_bridge("res://main.tscn")


def test_a_scene_whose_addon_is_missing_is_refused_before_godot_runs_it(folder: Path) -> None:
    (folder / "main.tscn").write_text('[ext_resource path="res://addons/godot_marl/marl_bridge.gd"]')
    project = Project(folder)
    with pytest.raises(NoBridgeError, match="addon install") as error:
        project.validate_addon("res://main.tscn")
    assert str(folder) in str(error.value.where)
    script = folder / "addons" / "godot_marl" / "marl_bridge.gd"
    script.parent.mkdir(parents=True)
    script.write_text("class_name MarlBridge\n")
    project.validate_addon("res://main.tscn")


def test_a_scene_that_names_no_addon_needs_none(folder: Path) -> None:
    Project(folder).validate_addon("res://main.tscn")


def test_a_binary_scene_may_have_a_bridge(folder: Path) -> None:
    (folder / "main.scn").write_bytes(b"RSRC\x00")
    assert Project(folder).may_have_bridge("res://main.scn")


def test_scenes_in_a_circle_are_looked_at_once(folder: Path) -> None:
    (folder / "arm.gd").write_text('const Main := "res://main.tscn"\n')
    assert not Project(folder).may_have_bridge("res://main.tscn")


# -- Imports -----------------------------------------------------------------------------------------------------------


class FakeEngine:
    """A script in place of Godot, which writes down how it was called."""

    def __init__(self, folder: Path, script: str) -> None:
        self.log = folder / "calls.txt"
        path = folder / "fake-godot"
        path.write_text(f'#!/bin/sh\necho "$@" >> "{self.log}"\n{script}\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        self.engine = Engine(path=path, version="4.6.3.stable", source="given")  # type: ignore[arg-type]

    @property
    def calls(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def godot(tmp_path: Path) -> FakeEngine:
    # "$3" is what follows --headless --path.
    return FakeEngine(tmp_path, 'mkdir -p "$3/.godot"')


def test_a_project_is_imported_once(folder: Path, godot: FakeEngine) -> None:
    for _ in range(2):
        assert Project(folder).imported(godot.engine).folder == folder
    assert godot.calls == [f"--headless --path {folder} --import"]


@pytest.mark.parametrize("file", ["arm.gd", "new.gd", "project.godot"])
def test_a_changed_file_is_a_reason_to_import_again(folder: Path, godot: FakeEngine, file: str) -> None:
    Project(folder).imported(godot.engine)
    with (folder / file).open("a") as changed:
        changed.write("\n")
    Project(folder).imported(godot.engine)
    assert len(godot.calls) == 2


@pytest.fixture
def linked_addon(folder: Path, tmp_path: Path) -> Path:
    """The addon's folder, which is elsewhere; the project has a link to it."""
    addon = tmp_path / "checkout" / "godot_marl"
    addon.mkdir(parents=True)
    (addon / "marl_bridge.gd").write_text("extends Node\n")
    (folder / "addons").mkdir()
    (folder / "addons" / "godot_marl").symlink_to(addon, target_is_directory=True)
    return addon


@pytest.mark.parametrize("file", ["marl_bridge.gd", "marl_new.gd"])
def test_a_changed_file_behind_a_link_is_a_reason_to_import_again(
    folder: Path, godot: FakeEngine, linked_addon: Path, file: str
) -> None:
    for _ in range(2):
        Project(folder).imported(godot.engine)
    assert len(godot.calls) == 1
    with (linked_addon / file).open("a") as changed:
        changed.write("\n")
    Project(folder).imported(godot.engine)
    assert len(godot.calls) == 2


def test_links_in_circles_and_into_nowhere_end_no_import(folder: Path, godot: FakeEngine, linked_addon: Path) -> None:
    (folder / "parts" / "whole").symlink_to(folder, target_is_directory=True)
    (linked_addon / "again").symlink_to(linked_addon, target_is_directory=True)
    (folder / "gone.gd").symlink_to(folder / "nowhere.gd")
    for _ in range(2):
        Project(folder).imported(godot.engine)
    assert len(godot.calls) == 1
    (folder / "more").symlink_to(folder / "parts", target_is_directory=True)
    Project(folder).imported(godot.engine)
    assert len(godot.calls) == 2


def test_what_godot_is_to_ignore_is_no_reason_to_import_again(folder: Path, godot: FakeEngine) -> None:
    Project(folder).imported(godot.engine)
    for name in ("first", "second"):
        run = folder / "runs" / name
        run.mkdir(parents=True)
        (run / ".gdignore").touch()
        for content in ("one", "another one"):
            (run / "curve.png").write_text(content)
            Project(folder).imported(godot.engine)
    assert len(godot.calls) == 1
    (run / ".gdignore").unlink()
    Project(folder).imported(godot.engine)
    assert len(godot.calls) == 2


def test_another_engine_is_a_reason_to_import_again(folder: Path, godot: FakeEngine) -> None:
    Project(folder).imported(godot.engine)
    other = Engine(path=godot.engine.path, version="4.7.stable", source=godot.engine.source)
    Project(folder).imported(other)
    assert len(godot.calls) == 2


def test_files_that_the_import_itself_makes_are_no_reason_to_import_again(folder: Path, tmp_path: Path) -> None:
    godot = FakeEngine(tmp_path, 'mkdir -p "$3/.godot"; echo uid://x > "$3/arm.gd.uid"')
    Project(folder).imported(godot.engine)
    Project(folder).imported(godot.engine)
    assert len(godot.calls) == 1


@pytest.mark.parametrize("script", ["echo it broke; exit 3", "echo it broke"], ids=["status", "no cache"])
def test_a_failed_import_says_what_the_engine_printed_and_is_tried_again(
    folder: Path, tmp_path: Path, script: str
) -> None:
    godot = FakeEngine(tmp_path, script)
    for _ in range(2):
        with pytest.raises(GameImportError) as error:
            Project(folder).imported(godot.engine)
        assert "it broke" in str(error.value.got)
        assert error.value.where == str(folder)
    assert len(godot.calls) == 2


def test_an_import_without_end_ends_with_the_deadline(folder: Path, tmp_path: Path) -> None:
    godot = FakeEngine(tmp_path, 'echo $$ > "$3/pid"; echo busy; exec sleep 1000')
    with pytest.raises(GameImportError) as error:
        Project(folder).imported(godot.engine, timeout=1.0)
    assert "busy" in str(error.value.got)
    assert "start_timeout=" in str(error.value.remedy)
    assert not Path("/proc", (folder / "pid").read_text().strip()).exists()


_HOLDER = """
import sys, time
from filelock import FileLock
lock = FileLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
time.sleep(1000)
"""


def test_an_import_of_another_process_is_waited_for_until_the_deadline_or_its_death(
    folder: Path, cache: Path, godot: FakeEngine
) -> None:
    Project(folder).imported(godot.engine)
    (lock,) = (cache / "locks").iterdir()
    with subprocess.Popen([sys.executable, "-c", _HOLDER, lock], stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            with pytest.raises(GameImportError) as error:
                Project(folder).imported(godot.engine, timeout=0.2)
            assert str(lock) in str(error.value.where)
        finally:
            holder.kill()
    Project(folder).imported(godot.engine, timeout=10.0)


def test_a_full_disk_of_the_cache_is_an_error_that_says_where(folder: Path, cache: Path, godot: FakeEngine) -> None:
    cache.write_text("no folder")
    with pytest.raises(CacheError) as error:
        Project(folder).imported(godot.engine)
    assert error.value.where == str(cache / "locks")
    assert "GODOT_MARL_CACHE" in str(error.value.remedy)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_of_the_project_is_an_error_that_says_where_and_is_tried_again(
    folder: Path, tmp_path: Path
) -> None:
    stamp = folder / ".godot" / "godot_marl_import"
    godot = FakeEngine(tmp_path, f'mkdir "$3/.godot" && ln -s /dev/full "{stamp}"; exit 0')
    with pytest.raises(GameImportError) as error:
        Project(folder).imported(godot.engine)
    assert error.value.where == str(folder)
    assert "No space left on device" in str(error.value.got)
    assert "Make room there" in str(error.value.remedy)
    stamp.unlink()
    for _ in range(2):
        Project(folder).imported(godot.engine)
    assert len(godot.calls) == 2


def test_a_project_that_cannot_be_written_is_imported_as_a_copy(
    folder: Path, godot: FakeEngine, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not by file modes, as the super-user may write everywhere.
    really = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != folder and really(path, mode))
    copy = Project(folder).imported(godot.engine)
    assert cache in copy.folder.parents
    assert copy.main_scene == "res://main.tscn"
    assert not (folder / ".godot").exists()

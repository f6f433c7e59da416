"""Placing the addon in games, and copies of projects in the cache."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock
from full_disk import full_disk

from godot_marl.assets import install, paths
from godot_marl.assets.install import copy_to_cache, install_addon, prepare_example
from godot_marl.errors import CacheError, GameError, GameNotFoundError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GODOT_MARL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "my game"
    folder.mkdir()
    (folder / "project.godot").write_text('config/name="My game"\n')
    (folder / "main.tscn").write_text("[gd_scene]\n")
    return folder


def files_in(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def without_uids(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if not name.endswith((".uid", ".import"))}


def test_the_addon_comes_whole(project: Path) -> None:
    target = install_addon(project)
    assert target == project / "addons" / "godot_marl"
    assert files_in(target) == without_uids(files_in(paths.addon_folder()))
    assert {"plugin.cfg", "marl_bridge.gd", "marl_space.gd"} <= set(files_in(target))


def test_another_version_is_replaced_and_other_addons_stay(project: Path) -> None:
    old = project / "addons" / "godot_marl"
    old.mkdir(parents=True)
    (old / "gone_in_the_new_version.gd").write_text("extends Node\n")
    other = project / "addons" / "other" / "plugin.cfg"
    other.parent.mkdir()
    other.write_text("[plugin]\n")
    install_addon(project)
    assert files_in(old) == without_uids(files_in(paths.addon_folder()))
    assert [path.name for path in sorted((project / "addons").iterdir())] == ["godot_marl", "other"]
    assert other.read_text() == "[plugin]\n"


def test_a_failed_copy_leaves_the_old_addon_and_nothing_half_done(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_addon(project)
    before = files_in(project)

    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(install.shutil, "copytree", fail)
    with pytest.raises(GameError, match="got: no space left"):
        install_addon(project)
    assert files_in(project) == before


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError("a file is in use")], ids=repr)
def test_an_interruption_between_the_old_addon_and_the_new_one_keeps_the_old_one(
    project: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    install_addon(project)
    before = files_in(project)
    rename = Path.rename

    def fail(path: Path, target: Path) -> Path:
        if path.name == "new":
            raise error
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises((KeyboardInterrupt, GameError)):
        install_addon(project)
    assert files_in(project) == before


def test_a_copy_that_another_process_does_not_end_has_a_deadline(
    project: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = copy_to_cache(project)
    monkeypatch.setattr(install, "_LOCK_TIMEOUT", 0.1)
    with FileLock(target.parent / "lock"), pytest.raises(CacheError, match="does not finish"):
        copy_to_cache(project)


@pytest.mark.parametrize(("folder", "got"), [("nowhere", "no such folder"), (".", "no project.godot in it")])
def test_a_folder_without_project_is_refused_and_left_alone(tmp_path: Path, folder: str, got: str) -> None:
    with pytest.raises(GameNotFoundError) as error:
        install_addon(tmp_path / folder)
    assert error.value.got == got
    assert not (tmp_path / "addons").exists()


def test_an_example_is_copied_to_the_cache_with_the_addon_once(cache: Path) -> None:
    first = prepare_example("cartpole")
    assert cache in first.parents
    assert first.name == "cartpole"
    assert (first / "project.godot").is_file()
    assert (first / "addons" / "godot_marl" / "marl_bridge.gd").is_file()
    marker = first / "marker"
    marker.touch()
    assert prepare_example("cartpole") == first
    assert marker.exists()


def test_every_example_in_the_package_has_a_project() -> None:
    assert "cartpole" in paths.example_names()
    assert all((paths.example_folder(name) / "project.godot").is_file() for name in paths.example_names())


def test_an_unknown_example_is_an_error_that_lists_the_examples() -> None:
    with pytest.raises(GameNotFoundError) as error:
        prepare_example("no such example")
    assert "cartpole" in str(error.value.expected)


def test_a_copy_is_made_again_when_a_file_changes(project: Path) -> None:
    first = copy_to_cache(project)
    assert files_in(first) == files_in(project)
    (project / "main.tscn").write_text("[gd_scene format=3]\n")
    second = copy_to_cache(project)
    assert second != first
    assert files_in(second) == files_in(project)
    assert (first / "main.tscn").read_text() == "[gd_scene]\n"


def test_the_import_cache_of_a_project_is_not_copied(project: Path) -> None:
    first = copy_to_cache(project)
    (project / ".godot").mkdir()
    (project / ".godot" / "big").write_text("made by the engine")
    assert copy_to_cache(project) == first
    assert not (first / ".godot").exists()


def test_a_copy_of_a_project_keeps_its_own_addons(project: Path) -> None:
    install_addon(project)
    assert (copy_to_cache(project) / "addons" / "godot_marl" / "plugin.cfg").is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files")
def test_a_full_disk_leaves_no_half_a_copy_and_the_error_says_what_to_do(project: Path, cache: Path) -> None:
    with full_disk(), pytest.raises(CacheError) as error:
        copy_to_cache(project)
    assert error.value.where == str(cache)
    assert "File too large" in str(error.value.got)
    assert "GODOT_MARL_CACHE" in str(error.value.remedy)
    assert [path for path in cache.rglob("*") if path.is_dir() and path.name in ("game", project.name)] == []
    assert list(cache.rglob(".copy-*")) == []
    assert files_in(copy_to_cache(project)) == files_in(project)


def test_a_cache_that_is_no_folder_is_an_error_that_names_it(cache: Path) -> None:
    cache.write_text("no folder")
    with pytest.raises(CacheError, match="GODOT_MARL_CACHE"):
        prepare_example("cartpole")


def test_an_incomplete_copy_of_a_killed_python_is_removed(project: Path, cache: Path) -> None:
    copy = copy_to_cache(project)
    copy.rename(copy.with_name(".copy-half"))
    assert copy_to_cache(project) == copy
    assert list(cache.rglob(".copy-*")) == []


def test_copies_at_the_same_time_are_one_copy(project: Path, cache: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        copies = set(pool.map(copy_to_cache, [project] * 4))
    assert len(copies) == 1
    assert list(cache.rglob(".copy-*")) == []

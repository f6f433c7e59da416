"""What is on the disk, and in which order."""

from __future__ import annotations

import errno
import functools
import os
from pathlib import Path

import pytest

from godot_marl.training.atomic_files import make_folder, write_file, write_folder


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Writes down what was synced or got another name, by its inode."""
    log: list[tuple[str, int]] = []
    fsync, rename, replace = os.fsync, os.rename, os.replace

    def fsync_and_log(number: int) -> None:
        log.append(("sync", os.fstat(number).st_ino))
        fsync(number)

    def rename_and_log(source: Path, target: Path) -> None:
        log.append(("rename", inode(source)))
        rename(source, target)

    def replace_and_log(source: Path, target: Path) -> None:
        log.append(("rename", inode(source)))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", fsync_and_log)
    monkeypatch.setattr(os, "rename", rename_and_log)
    monkeypatch.setattr(os, "replace", replace_and_log)
    return log


def inode(path: Path) -> int:
    return path.stat().st_ino


def save(text: str, folder: Path) -> None:
    (folder / "one").write_text(text)
    (folder / "two").write_text(text)


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, log: list[tuple[str, int]]) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    write_file(path, "new é\n")
    assert path.read_text(encoding="utf-8") == "new é\n"
    assert log == [("sync", inode(path)), ("rename", inode(path)), ("sync", inode(tmp_path))]
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_on_the_disk_before_it_has_its_name(tmp_path: Path, log: list[tuple[str, int]]) -> None:
    path = tmp_path / "folder"
    assert write_folder(path, functools.partial(save, "new")) == path
    *synced, folder, renamed, parent = log
    assert sorted(synced) == sorted(("sync", inode(path / name)) for name in ("one", "two"))
    assert [folder, renamed, parent] == [("sync", inode(path)), ("rename", inode(path)), ("sync", inode(tmp_path))]
    assert path.stat().st_mode & 0o777 == 0o755


def test_the_name_of_a_new_folder_is_on_the_disk(tmp_path: Path, log: list[tuple[str, int]]) -> None:
    for _ in range(2):
        make_folder(tmp_path / "a" / "b")
    assert log == [("sync", inode(tmp_path / "a")), ("sync", inode(tmp_path))]


def test_a_folder_that_cannot_be_listed_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_file = os.open

    def open_allowed(path: Path, *how: int) -> int:
        if path == tmp_path:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return open_file(path, *how)

    monkeypatch.setattr(os, "open", open_allowed)
    make_folder(tmp_path / "run")
    write_file(tmp_path / "file", "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "run"]


def test_remains_of_a_killed_process_are_restored_or_removed(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    for name in (".folder-abc", ".folder-abc-old", ".other-abc"):
        (tmp_path / name).mkdir()
        save(name, tmp_path / name)

    def fail(_: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_folder(path, fail)
    assert (path / "one").read_text() == ".folder-abc-old"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".other-abc", "folder"]


def test_an_old_folder_is_replaced(tmp_path: Path) -> None:
    for text in ("old", "new"):
        write_folder(tmp_path / "folder", functools.partial(save, text))
    assert (tmp_path / "folder" / "one").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("at", [1, 2])
def test_an_old_folder_stays_if_the_new_one_cannot_have_its_name(
    at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, rename, calls = tmp_path / "folder", os.rename, []
    write_folder(path, functools.partial(save, "old"))

    def interrupted_rename(source: Path, target: Path) -> None:
        calls.append(source)
        if len(calls) == at:
            raise KeyboardInterrupt
        rename(source, target)

    monkeypatch.setattr(os, "rename", interrupted_rename)
    with pytest.raises(KeyboardInterrupt):
        write_folder(path, functools.partial(save, "new"))
    assert (path / "one").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize(("number", "is_said"), [(errno.EINVAL, False), (errno.ENOTSUP, False), (errno.EIO, True)])
def test_a_disk_that_cannot_sync_is_no_error_but_one_that_fails_is(
    number: int, is_said: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    if is_said:
        with pytest.raises(OSError, match=os.strerror(number)):
            write_folder(tmp_path / "folder", functools.partial(save, "new"))
        assert list(tmp_path.iterdir()) == []
    else:
        write_folder(tmp_path / "folder", functools.partial(save, "new"))
        write_file(tmp_path / "file", "new")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]

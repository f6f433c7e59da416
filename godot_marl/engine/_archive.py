"""Unpack a zip archive with its file modes, and never outside the folder."""

from __future__ import annotations

import os
import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath

from godot_marl.engine._model import BY_HAND, Progress, Report
from godot_marl.errors import EngineInstallError


def unpack(archive: Path, folder: Path, report: Report) -> None:
    """Unpack an archive into a folder that exists.

    The standard library's own `extractall` drops the mark of executables, and writes links as files.

    Raises:
        EngineInstallError: It is no zip archive, is damaged, or has an entry that would lie outside the folder.
        OSError: The folder could not be written.
    """
    try:
        with zipfile.ZipFile(archive) as content:
            entries = content.infolist()
            for entry in entries:
                _check(archive, entry.filename)
            for count, entry in enumerate(entries):
                report(Progress("unpack", count, len(entries)))
                _write(content, entry, archive, folder)
            report(Progress("unpack", len(entries), len(entries)))
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise EngineInstallError(
            "The archive cannot be unpacked.",
            where=archive.name,
            expected="a sound zip archive",
            got=str(error),
            remedy=BY_HAND,
        ) from error


def _write(content: zipfile.ZipFile, entry: zipfile.ZipInfo, archive: Path, folder: Path) -> None:
    target = folder / entry.filename
    mode = entry.external_attr >> 16
    if entry.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if stat.S_ISLNK(mode):
        aim = content.read(entry).decode("utf-8", "replace")
        inside = os.path.normpath(PurePosixPath(entry.filename).parent / aim)
        _check(archive, inside.replace(os.sep, "/"))
        target.symlink_to(aim)
        return
    with content.open(entry) as source, target.open("wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
    if mode & 0o111:
        target.chmod(0o755)


def _check(archive: Path, name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
        raise EngineInstallError(
            "The archive has a file that would lie outside its folder.",
            where=archive.name,
            expected="relative paths",
            got=repr(name),
            remedy=BY_HAND,
        )

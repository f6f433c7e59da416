"""Unpacks a zip archive with its file modes, and never outside of the folder."""

from __future__ import annotations

import os
import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath

from godot_marl.engine._model import MANUAL_INSTALL, Progress, Report
from godot_marl.errors import EngineInstallError


def unpack(archive: Path, folder: Path, report: Report) -> None:
    """Unpack an archive into an existing folder.

    The standard library's `extractall` drops the modes of executables, and writes links as files.

    Args:
        archive: The zip archive.
        folder: The folder.
        report: Called with the progress.

    Raises:
        EngineInstallError: The file is not a zip archive or is damaged, or an entry's path leads out of the folder.
        OSError: The folder is not writable.
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
            expected="an undamaged zip archive",
            got=str(error),
            remedy=MANUAL_INSTALL,
        ) from error


def _write(content: zipfile.ZipFile, entry: zipfile.ZipInfo, archive: Path, folder: Path) -> None:
    target = folder / entry.filename
    mode = entry.external_attr >> 16
    if entry.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if stat.S_ISLNK(mode):
        link_target = content.read(entry).decode("utf-8", "replace")
        resolved = os.path.normpath(PurePosixPath(entry.filename).parent / link_target)
        _check(archive, resolved.replace(os.sep, "/"))
        target.symlink_to(link_target)
        return
    with content.open(entry) as source, target.open("wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
    if mode & 0o111:
        target.chmod(0o755)


def _check(archive: Path, name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
        raise EngineInstallError(
            "The archive has a file outside of its folder.",
            where=archive.name,
            expected="relative paths",
            got=repr(name),
            remedy=MANUAL_INSTALL,
        )

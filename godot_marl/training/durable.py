"""Files and folders that are there as a whole or not at all, also after a power cut."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

# What file systems answer (of networks, of virtual machines) that cannot sync a folder.
_CANNOT_SYNC = (errno.EINVAL, errno.ENOTSUP)


def write_file(target: Path, text: str) -> None:
    """Write a file anew. Until the new one is on the disk, the old one stays."""
    beside = target.with_name(f".{target.name}.new")
    try:
        beside.write_bytes(text.encode())
        _sync(beside)
        os.replace(beside, target)
    finally:
        beside.unlink(missing_ok=True)
    _sync(target.parent)


def make_folder(folder: Path) -> None:
    """Make a folder, if there is none yet."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        _sync(path.parent)


def write_folder(target: Path, save: Callable[[Path], None]) -> Path:
    """Make a folder anew. Until all of it is on the disk, the old one stays, or is put back by the next call.

    Args:
        target: The folder.
        save: Writes the files into the folder that it gets, which is another one.
    """
    _clear_up(target)
    fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    old = fresh.with_name(f"{fresh.name}-old")
    try:
        fresh.chmod(0o755)
        save(fresh)
        # A disk may keep the new name before what it is the name of.
        for path in (*fresh.rglob("*"), fresh):
            _sync(path)
        if target.exists():
            target.rename(old)
        fresh.rename(target)
        _sync(target.parent)
    finally:
        if old.exists() and not target.exists():
            old.rename(target)
        for rest in (fresh, old):
            shutil.rmtree(rest, ignore_errors=True)
    return target


def _clear_up(target: Path) -> None:
    """Put back or remove what a call that was killed has left of a folder."""
    for rest in target.parent.glob(f".{target.name}-*"):
        if rest.name.endswith("-old") and not target.exists():
            rest.rename(target)
        else:
            shutil.rmtree(rest, ignore_errors=True)


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk, as far as the system can do that."""
    is_windows = os.name == "nt"
    if is_windows and path.is_dir():
        return  # Windows opens no folders
    try:
        # Windows syncs only what is open for writing.
        number = os.open(path, os.O_RDWR if is_windows else os.O_RDONLY)
    except PermissionError:
        if path.is_dir():
            return  # a folder of somebody else, in which one may be, but not look around
        raise
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise
    finally:
        os.close(number)

"""Atomic writes of files and folders: complete or absent, also after a power cut."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

# Network and virtual machine file systems fail with these where they cannot sync a folder.
_SYNC_UNSUPPORTED = (errno.EINVAL, errno.ENOTSUP)


def write_file(target: Path, text: str) -> None:
    """Replace a file's content with UTF-8 text. The old file stays until the new one is on the disk."""
    temporary = target.with_name(f".{target.name}.new")
    try:
        temporary.write_bytes(text.encode())
        _sync(temporary)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    _sync(target.parent)


def make_folder(folder: Path) -> None:
    """Create a folder and its missing parents, unless it exists."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        _sync(path.parent)


def write_folder(target: Path, save: Callable[[Path], None]) -> Path:
    """Replace a folder. The old one stays until the new one is on the disk, or the next call restores it.

    Args:
        target: The folder.
        save: Writes the files into the temporary folder that it receives.

    Returns:
        `target`.
    """
    _remove_leftovers(target)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    old = temporary.with_name(f"{temporary.name}-old")
    try:
        temporary.chmod(0o755)
        save(temporary)
        # A disk may store the folder's new name before its content, so sync the content first.
        for path in (*temporary.rglob("*"), temporary):
            _sync(path)
        if target.exists():
            target.rename(old)
        temporary.rename(target)
        _sync(target.parent)
    finally:
        if old.exists() and not target.exists():
            old.rename(target)
        for leftover in (temporary, old):
            shutil.rmtree(leftover, ignore_errors=True)
    return target


def _remove_leftovers(target: Path) -> None:
    """Restore or remove the temporary folders of a call that was killed."""
    for leftover in target.parent.glob(f".{target.name}-*"):
        if leftover.name.endswith("-old") and not target.exists():
            leftover.rename(target)
        else:
            shutil.rmtree(leftover, ignore_errors=True)


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk, as far as the system supports it."""
    is_windows = os.name == "nt"
    if is_windows and path.is_dir():
        return  # Windows cannot open folders.
    try:
        # Windows syncs only files that are open for writing.
        descriptor = os.open(path, os.O_RDWR if is_windows else os.O_RDONLY)
    except PermissionError:
        if path.is_dir():
            return  # Another user's folder may allow access to its files, but not listing.
        raise
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _SYNC_UNSUPPORTED:
            raise
    finally:
        os.close(descriptor)

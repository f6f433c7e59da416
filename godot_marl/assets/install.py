"""Copies the addon into a game, and the example projects into the user's cache."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

from godot_marl.assets.cache import cache_dir, in_cache, reason_of
from godot_marl.assets.paths import addon_folder, example_folder
from godot_marl.errors import CacheError, GameError, GameNotFoundError

logger = logging.getLogger(__name__)

_TEMPORARY_PREFIX = ".copy-"
# In seconds. A copy takes only seconds, also on a slow disk.
_LOCK_TIMEOUT = 300.0
_IGNORED = shutil.ignore_patterns(".godot", "addons", "*.uid", "*.import")


def install_addon(project: str | os.PathLike[str]) -> Path:
    """Copy the addon that belongs to this package into a project, replacing another version of it.

    Args:
        project: The folder with the project.godot.

    Returns:
        The addon's folder in the project.

    Raises:
        GameNotFoundError: The folder holds no Godot project.
        GameError: The folder is not writable; its addon is unchanged.
    """
    folder = Path(project)
    if not (folder / "project.godot").is_file():
        raise GameNotFoundError(
            "This folder holds no Godot project.",
            where=str(folder),
            expected="a folder with a project.godot",
            got="no such folder" if not folder.exists() else "no project.godot in it",
            remedy="Use the folder with your game's project.godot.",
        )
    try:
        return _copy_addon(folder / "addons" / "godot_marl")
    except OSError as error:
        raise GameError(
            "The addon could not be copied into the project.",
            where=str(folder),
            expected="a writable folder with free space",
            got=reason_of(error),
            remedy="Free some space, or check the folder's owner and permissions.",
        ) from error


def _copy_addon(target: Path) -> Path:
    target.parent.mkdir(exist_ok=True)
    # Copy to a temporary folder first, so that an interruption leaves either the old addon or the new one.
    temporary = Path(tempfile.mkdtemp(prefix=".godot_marl-", dir=target.parent))
    new, old = temporary / "new", temporary / "old"
    try:
        shutil.copytree(addon_folder(), new, ignore=shutil.ignore_patterns("*.uid", "*.import"))
        if target.exists():
            target.rename(old)
        new.rename(target)
    finally:
        if not target.exists() and old.exists():
            old.rename(target)
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def prepare_example(name: str) -> Path:
    """Copy an example project, with the addon, to the user's cache folder, and return the copy's path.

    There is one copy for each content of project and addon.

    Raises:
        GameNotFoundError: There is no such example.
        CacheError: The example could not be copied.
    """
    return copy_to_cache(example_folder(name), with_addon=True)


def copy_to_cache(project: Path, *, with_addon: bool = False) -> Path:
    """Copy a project to the user's cache folder, once for each content, and return the copy's path.

    Args:
        project: The project's folder.
        with_addon: Whether the copy gets this package's addon in place of the project's addons.

    Raises:
        CacheError: The project could not be copied, or another process has been copying it for too long.
    """
    with in_cache(cache_dir()):
        sources = [project, *([addon_folder()] if with_addon else [])]
        folder = cache_dir() / "games" / _digest(sources)
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "lock")
        try:
            lock.acquire(timeout=_LOCK_TIMEOUT)
        except Timeout as error:
            raise CacheError(
                "Another process copies the project and does not finish.",
                where=lock.lock_file,
                expected=f"a copy within {_LOCK_TIMEOUT:g} s",
                got="a copy that still runs",
                remedy="End that process.",
            ) from error
        try:
            return _copy(project, folder / project.name, with_addon=with_addon)
        finally:
            lock.release()


def _copy(project: Path, target: Path, *, with_addon: bool) -> Path:
    if target.is_dir():
        return target
    logger.info("copying %s to %s", project, target)
    for leftover in target.parent.glob(f"{_TEMPORARY_PREFIX}*"):
        # Left by a process that was killed during its copy.
        shutil.rmtree(leftover, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(prefix=_TEMPORARY_PREFIX, dir=target.parent))
    try:
        ignored = _IGNORED if with_addon else shutil.ignore_patterns(".godot")
        shutil.copytree(project, temporary / "game", ignore=ignored)
        if with_addon:
            _copy_addon(temporary / "game" / "addons" / "godot_marl")
        (temporary / "game").rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def _digest(folders: list[Path]) -> str:
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and ".godot" not in p.parts):
            digest.update(str(path.relative_to(folder)).encode() + b"\0")
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]

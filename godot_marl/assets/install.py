"""Places the addon in a game, and the example projects in the user's cache."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

from godot_marl.cache import cache_dir, in_cache, reason_of
from godot_marl.errors import CacheError, GameError, GameNotFoundError
from godot_marl.resources import addon_folder, example_folder

logger = logging.getLogger(__name__)

_FRESH = ".copy-"
# A copy takes seconds, also where the disk is slow.
_LOCK_TIMEOUT = 300.0
_IGNORED = shutil.ignore_patterns(".godot", "addons", "*.uid", "*.import")


def install_addon(project: str | os.PathLike[str]) -> Path:
    """Copy the addon that belongs to this package into a project, replacing another version of it.

    Args:
        project: The folder that holds the project.godot.

    Returns:
        The addon's folder in the project.

    Raises:
        GameNotFoundError: The folder holds no Godot project.
        GameError: Files cannot be written there; the addon is what it was.
    """
    folder = Path(project)
    if not (folder / "project.godot").is_file():
        raise GameNotFoundError(
            "This folder holds no Godot project.",
            where=str(folder),
            expected="a folder with a project.godot",
            got="no such folder" if not folder.exists() else "no project.godot in it",
            remedy="Give the folder in which your game's project.godot is.",
        )
    try:
        return _place_addon(folder / "addons" / "godot_marl")
    except OSError as error:
        raise GameError(
            "The addon could not be put into the project.",
            where=str(folder),
            expected="a folder with some room in it, in which files can be written",
            got=reason_of(error),
            remedy="Make room there, or look whose the folder is.",
        ) from error


def _place_addon(target: Path) -> Path:
    target.parent.mkdir(exist_ok=True)
    # Aside first: an interruption leaves the old addon or the new one, never half of both.
    fresh = Path(tempfile.mkdtemp(prefix=".godot_marl-", dir=target.parent))
    try:
        shutil.copytree(addon_folder(), fresh / "new", ignore=shutil.ignore_patterns("*.uid", "*.import"))
        if target.exists():
            target.rename(fresh / "old")
        (fresh / "new").rename(target)
    finally:
        if not target.exists() and (fresh / "old").exists():
            (fresh / "old").rename(target)
        shutil.rmtree(fresh, ignore_errors=True)
    return target


def prepare_example(name: str) -> Path:
    """A copy of an example project with the addon in it, in the user's cache folder.

    The copy is made once for each content of project and addon.

    Raises:
        GameNotFoundError: There is no such example.
        CacheError: It could not be copied.
    """
    return copy_to_cache(example_folder(name), with_addon=True)


def copy_to_cache(project: Path, *, with_addon: bool = False) -> Path:
    """A copy of a project in the user's cache folder, made once for each content.

    Raises:
        CacheError: It could not be copied, or another process copies it and does not come to an end.
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
                "Another process copies the project, and does not come to an end.",
                where=lock.lock_file,
                expected=f"its end within {_LOCK_TIMEOUT:g} s",
                got="a copy that goes on",
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
    for remains in target.parent.glob(f"{_FRESH}*"):
        # Of a Python that was killed while it copied.
        shutil.rmtree(remains, ignore_errors=True)
    fresh = Path(tempfile.mkdtemp(prefix=_FRESH, dir=target.parent))
    try:
        ignored = _IGNORED if with_addon else shutil.ignore_patterns(".godot")
        shutil.copytree(project, fresh / "game", ignore=ignored)
        if with_addon:
            _place_addon(fresh / "game" / "addons" / "godot_marl")
        (fresh / "game").rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return target


def _digest(folders: list[Path]) -> str:
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and ".godot" not in p.parts):
            digest.update(str(path.relative_to(folder)).encode() + b"\0")
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]

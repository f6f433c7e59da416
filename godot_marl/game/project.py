"""A Godot project folder: its settings, its scenes and its import cache."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from godot_marl.assets.cache import cache_dir, in_cache, reason_of
from godot_marl.assets.install import copy_to_cache
from godot_marl.engine import Engine
from godot_marl.errors import CacheError, GameImportError, GameNotFoundError, NoBridgeError
from godot_marl.game.headless import run_headless
from godot_marl.game.log_parser import tail_for_message

logger = logging.getLogger(__name__)

IMPORT_TIMEOUT = 600.0
_STAMP = Path(".godot") / "godot_marl_import"
_REFERENCE = re.compile(r'"\*?res://([^"]+)"')
_BRIDGE = re.compile(r"marl_bridge\.gd|\bMarlBridge\b")
_BRIDGE_SCRIPT = "addons/godot_marl/marl_bridge.gd"


def validate_path(path: Path) -> Path:
    """Return the path if Godot reads it unchanged from its command line.

    Raises:
        GameNotFoundError: Godot would read another path.
    """
    if "%20" in str(path):
        raise GameNotFoundError(
            "Godot reads %20 in a path as a space.",
            where=str(path),
            expected="a path without %20",
            got=path.name,
            remedy="Rename the folder or the file.",
        )
    return path


class Project:
    """A folder with a project.godot.

    Args:
        folder: The folder.

    Attributes:
        folder: The absolute path of the folder.

    Raises:
        GameNotFoundError: The folder does not exist, or contains no project.godot.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = validate_path(Path(folder).absolute())
        settings = self.folder / "project.godot"
        if not settings.is_file():
            raise GameNotFoundError(
                "There is no Godot project here.",
                where=str(self.folder),
                expected="a folder with a project.godot, a .pck file, or an exported game",
                got="no such folder" if not self.folder.exists() else "a folder without project.godot",
                remedy="Give the folder that contains your game's project.godot.",
            )
        self._settings = settings.read_text(encoding="utf-8", errors="replace")

    @property
    def physics_fps(self) -> int:
        """Physics frames in a second; Godot's default is 60."""
        return int(float(self.setting("common/physics_ticks_per_second") or 60))

    @property
    def main_scene(self) -> str | None:
        """The scene that runs by default; None if the project has none."""
        scene = self.setting("run/main_scene")
        return scene.strip('"') if scene else None

    def setting(self, key: str) -> str | None:
        """The text of a setting in project.godot, by its key without the section; None if the setting is missing."""
        found = re.search(rf"^{re.escape(key)}\s*=\s*(.+)$", self._settings, re.MULTILINE)
        return found[1].strip() if found else None

    def scene_path(self, scene: str | None) -> str:
        """The `res://` or `uid://` path of a scene; None for the main scene.

        Raises:
            GameNotFoundError: The project has no such scene, or no main scene.
        """
        path = scene or self.main_scene
        if path is None:
            raise GameNotFoundError(
                "The project has no main scene.",
                where=str(self.folder / "project.godot"),
                expected="run/main_scene",
                got="nothing",
                remedy="Set it in the editor (Project Settings, Application, Run), or give scene='res://NAME.tscn'.",
            )
        if path.startswith("uid://"):
            return path
        inside = path.removeprefix("res://")
        if not (self.folder / inside).is_file():
            scenes = sorted(p.relative_to(self.folder).as_posix() for p in self.folder.rglob("*.tscn"))[:10]
            raise GameNotFoundError(
                "The scene does not exist in the project.",
                where=f"scene={scene!r}" if scene else "run/main_scene in project.godot",
                expected=f"one of {', '.join('res://' + s for s in scenes)}" if scenes else "a .tscn file",
                got=f"res://{inside}",
            )
        return f"res://{inside}"

    def may_have_bridge(self, scene: str) -> bool:
        """False if no file that the scene or an autoload refers to, even indirectly, mentions the bridge.

        A script may still load a bridge from a path that it computes, so False only shortens the wait for a connection.
        """
        if scene.startswith("uid://"):
            return True
        return any(text is None or _BRIDGE.search(text) for text in self._scan(scene))

    def validate_addon(self, scene: str) -> None:
        """Check that the project contains the addon if the scene uses it; Godot would run the scene without scripts.

        Raises:
            NoBridgeError: The scene refers to the bridge's script, and the project has no such file.
        """
        if scene.startswith("uid://") or (self.folder / _BRIDGE_SCRIPT).is_file():
            return
        if any(f"res://{_BRIDGE_SCRIPT}" in text for text in self.texts_of(scene)):
            raise NoBridgeError(
                "The project has no godot-marl addon.",
                where=f"{self.folder} ({scene})",
                expected=f"{_BRIDGE_SCRIPT}, which the scene uses",
                got="no such file",
                remedy=f'Install it with `godot-marl addon install "{self.folder}"`. Use the examples of this package '
                "by their names: `godot-marl train cartpole`, `godot_marl.envs.cartpole_v0`.",
            )

    def texts_of(self, scene: str) -> Iterator[str]:
        """The texts of a scene and of all scripts, scenes and resources that it refers to, even indirectly."""
        return (text for text in self._scan(scene) if text is not None)

    def _scan(self, scene: str) -> Iterator[str | None]:
        """The texts of a scene, of the autoloads and of what they refer to, without the addon; None: a binary scene."""
        autoloads = re.search(r"^\[autoload\]$(.*?)(?=^\[|\Z)", self._settings, re.MULTILINE | re.DOTALL)
        unread = [scene.removeprefix("res://"), *_REFERENCE.findall(autoloads[1] if autoloads else "")]
        seen: set[str] = set()
        while unread:
            name = unread.pop()
            if name in seen or name.startswith("addons/godot_marl/"):
                continue
            seen.add(name)
            path = self.folder / name
            if path.suffix == ".scn":
                yield None
            if path.suffix not in (".tscn", ".gd", ".tres") or not path.is_file():
                continue
            text = path.read_text(encoding="utf-8", errors="replace")
            yield text
            unread += _REFERENCE.findall(text)

    def imported(self, engine: Engine, timeout: float = IMPORT_TIMEOUT) -> Project:
        """Import the project if its import cache is out of date.

        Args:
            engine: The engine that imports it.
            timeout: Seconds for the import, the wait for another process that imports the project included.

        Returns:
            This project, or a copy of it in the user's cache if its folder cannot be written.

        Raises:
            GameImportError: Godot could not import the project in time.
            CacheError: The copy cannot be made.
        """
        if not os.access(self.folder, os.W_OK):
            logger.info("%s cannot be written: using a copy in the cache", self.folder)
            return Project(copy_to_cache(self.folder)).imported(engine, timeout)
        deadline = time.monotonic() + timeout
        locks = cache_dir() / "locks"
        name = hashlib.sha256(str(self.folder.resolve()).encode()).hexdigest()[:16]
        lock = FileLock(locks / f"{name}.lock")
        try:
            with in_cache(locks):
                locks.mkdir(parents=True, exist_ok=True)
                lock.acquire(timeout=timeout)
            self._import_if_needed(engine, deadline)
        except Timeout as error:
            raise GameImportError(
                "Another process imports the project, and does not finish.",
                where=f"{self.folder}, locked by {lock.lock_file}",
                expected=f"an import within {timeout:g} s",
                got="an import that still runs",
                remedy="End that process, or give a longer start_timeout=.",
            ) from error
        except CacheError:
            raise
        except OSError as error:
            raise GameImportError(
                "The project's folder cannot be used.",
                where=error.filename or str(self.folder),
                expected="a folder with some room in it, in which files can be written",
                got=reason_of(error),
                remedy="Make room there, or check who owns the folder and its .godot.",
            ) from error
        finally:
            lock.release()
        return self

    def _import_if_needed(self, engine: Engine, deadline: float) -> None:
        stamp = self.folder / _STAMP
        if stamp.is_file() and stamp.read_text(errors="replace") == self._fingerprint(engine):
            return
        logger.info("importing %s", self.folder)
        # If the wait took all the time, a second lets this import fail with an error that says what to do.
        self._import(engine, max(1.0, deadline - time.monotonic()))
        stamp.write_text(self._fingerprint(engine))

    def _import(self, engine: Engine, seconds: float) -> None:
        try:
            output, status = run_headless(engine, self.folder, "--import", timeout=seconds)
        except TimeoutError as error:
            raise GameImportError(
                "Godot did not finish the import of the project in time; it was ended.",
                where=str(self.folder),
                expected=f"an import within {round(seconds, 1):g} s",
                got=tail_for_message(str(error)),
                remedy="Give a longer start_timeout= if the project is large, or open it in the Godot editor once.",
            ) from error
        if status != 0 or not (self.folder / ".godot").is_dir():
            tail = "\n".join(output.splitlines()[-20:])
            raise GameImportError(
                "Godot could not import the project.",
                where=str(self.folder),
                expected="an import that ends with exit status 0",
                got=f"exit status {status}, after printing\n{tail}",
                remedy="Open the project in the Godot editor once and read its output.",
            )

    def _fingerprint(self, engine: Engine) -> str:
        """A hash of what an import depends on: the engine's version, and the size and time of each file."""
        digest = hashlib.sha256(engine.version.encode())
        # Links are followed, because the addon may be one; a link may also lead to a folder that contains it.
        seen: set[str] = set()
        for folder, folders, files in os.walk(self.folder, followlinks=True):
            real = os.path.realpath(folder)
            if real in seen:
                digest.update(f"{folder}\n".encode())
            # Godot ignores a folder with a .gdignore.
            is_skipped = real in seen or ".gdignore" in files
            folders[:] = [] if is_skipped else sorted(f for f in folders if f != ".godot")
            for file in [] if is_skipped else sorted(files):
                path = os.path.join(folder, file)
                # A broken link has a status of its own only.
                status = os.stat(path) if os.path.exists(path) else os.lstat(path)
                digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
            seen.add(real)
        return digest.hexdigest()

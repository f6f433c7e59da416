"""The folder of the installed engine in the cache, and its manifest.

An installation creates `<cache>/engine/installed/` by one rename, after it has started the engine once. The manifest
`engine.json` has the executable's path, which differs between platforms.
"""

from __future__ import annotations

import json
from pathlib import Path

from godot_marl.assets.cache import cache_dir
from godot_marl.errors import EngineNotFoundError

_FILE = "engine.json"


def engines_folder() -> Path:
    """Return the folder of the installed engine, its lock and its temporary folders; it may not exist."""
    return cache_dir() / "engine"


def installed_folder() -> Path:
    """Return the folder of the installed engine; it exists only if one is installed."""
    return engines_folder() / "installed"


def downloads_folder() -> Path:
    """Return the folder of incomplete downloads; it may not exist."""
    return engines_folder() / "downloads"


def write(folder: Path, executable: Path, *, provider: str, version: str) -> None:
    """Write the manifest into a folder that will become `installed_folder()`.

    Args:
        folder: The folder.
        executable: The engine's path, inside the folder.
        provider: The provider's name.
        version: The engine's version.

    Raises:
        OSError: The file could not be written.
        ValueError: The executable is not inside the folder.
    """
    content = {"executable": executable.relative_to(folder).as_posix(), "provider": provider, "version": version}
    (folder / _FILE).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def provider() -> str | None:
    """Return the name of the installed engine's provider, or None if it is unknown."""
    try:
        content = json.loads((installed_folder() / _FILE).read_text(encoding="utf-8"))
        return str(content["provider"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read() -> Path | None:
    """Return the executable of the installed engine, or None if none is installed.

    Raises:
        EngineNotFoundError: The folder exists, but its manifest is missing or unreadable.
    """
    folder = installed_folder()
    if not folder.is_dir():
        return None
    try:
        return folder / str(json.loads((folder / _FILE).read_text(encoding="utf-8"))["executable"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineNotFoundError(
            "The installed engine is damaged.",
            where=str(folder / _FILE),
            expected="the engine's manifest",
            got=f"{type(error).__name__}: {error}",
            remedy="run `godot-marl engine install --force`",
        ) from error

"""Where an installed engine lies in the cache, and the small file that says what it is.

`<cache>/engine/installed/` appears by one rename, when all of it is there and has been started once. Its
`engine.json` names the executable, whose place differs between platforms.
"""

from __future__ import annotations

import json
from pathlib import Path

from godot_marl.cache import cache_dir
from godot_marl.errors import EngineNotFoundError

_FILE = "engine.json"


def engines_folder() -> Path:
    """Return the folder for the installed engine, its lock and its temporary folders; it need not exist."""
    return cache_dir() / "engine"


def installed_folder() -> Path:
    """Return the folder of the installed engine; it exists only if one is installed."""
    return engines_folder() / "installed"


def downloads_folder() -> Path:
    """Return the folder for archives of which only a part has come; it need not exist."""
    return engines_folder() / "downloads"


def write(folder: Path, executable: Path, *, provider: str, version: str) -> None:
    """Describe the engine in a folder that will become `installed_folder()`.

    Raises:
        OSError: The file could not be written.
        ValueError: The executable is not inside the folder.
    """
    inside = executable.relative_to(folder).as_posix()
    content = {"executable": inside, "provider": provider, "version": version}
    (folder / _FILE).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def provider() -> str | None:
    """Return the name of the provider that the installed engine came from, or None if that is not known."""
    try:
        content = json.loads((installed_folder() / _FILE).read_text(encoding="utf-8"))
        return str(content["provider"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read() -> Path | None:
    """Return the executable of the installed engine, or None if none is installed.

    Raises:
        EngineNotFoundError: The folder is there, but its description is not, or is not readable.
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
            expected="a description of the engine in this folder",
            got=f"{type(error).__name__}: {error}",
            remedy="run `godot-marl engine install --force`",
        ) from error

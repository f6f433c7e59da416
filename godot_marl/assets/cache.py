"""The folder of this user in which godot-marl keeps what can be made again: engines, imported copies of projects."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from godot_marl.errors import CacheError, GodotMarlError


def cache_dir() -> Path:
    """Return the cache folder as an absolute path; it need not exist yet.

    It is the environment variable `GODOT_MARL_CACHE` where that is set and not empty, and the platform's own place for
    caches otherwise.
    """
    chosen = os.environ.get("GODOT_MARL_CACHE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    return platformdirs.user_cache_path("godot-marl", appauthor=False)


@contextlib.contextmanager
def in_cache(where: Path) -> Iterator[None]:
    """Turn the errors of a full disk, or of a folder that cannot be written, into one that says what to do.

    Args:
        where: What is written there.

    Raises:
        CacheError: A file could not be written or read.
    """
    try:
        yield
    except (GodotMarlError, TimeoutError):
        # Also that of a lock, which is no fault of the disk.
        raise
    except OSError as error:
        raise CacheError(
            "The cache folder cannot be used.",
            where=str(where),
            expected="a folder with some room in it, in which files can be written",
            got=reason_of(error),
            remedy="Make room there, or set the environment variable GODOT_MARL_CACHE to another folder.",
        ) from error


def reason_of(error: OSError) -> str:
    """Why a file could not be read or written; of many files, of the first."""
    # What `shutil.copytree` raises is a list of (source, target, reason).
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list):
        return str(error.args[0][0][-1])
    return str(error)

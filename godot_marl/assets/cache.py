"""The user's cache folder, for files that can be made again: engines, and imported copies of projects."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from godot_marl.errors import CacheError, GodotMarlError


def cache_dir() -> Path:
    """Return the absolute path of the cache folder, which may not exist yet.

    The environment variable `GODOT_MARL_CACHE` sets it; the default is the platform's folder for caches.
    """
    configured = os.environ.get("GODOT_MARL_CACHE")
    if configured:
        return Path(configured).expanduser().absolute()
    return platformdirs.user_cache_path("godot-marl", appauthor=False)


@contextlib.contextmanager
def in_cache(where: Path) -> Iterator[None]:
    """Convert the errors of a full disk or a read-only folder to a `CacheError`, which says what to do.

    Args:
        where: The path to report.

    Raises:
        CacheError: A file could not be written or read.
    """
    try:
        yield
    except (GodotMarlError, TimeoutError):
        # TimeoutError is an OSError, but comes from a lock and not from the disk.
        raise
    except OSError as error:
        raise CacheError(
            "The cache folder cannot be used.",
            where=str(where),
            expected="a writable folder with free space",
            got=reason_of(error),
            remedy="Free some space, or set the environment variable GODOT_MARL_CACHE to another folder.",
        ) from error


def reason_of(error: OSError) -> str:
    """Return why a file could not be read or written; where several failed, the reason of the first."""
    # `shutil.copytree` raises an error with a list of (source, target, reason).
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list):
        return str(error.args[0][0][-1])
    return str(error)

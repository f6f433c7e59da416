"""The folder of this user in which godot-marl keeps what can be made again: engines, imported copies of projects."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_dir() -> Path:
    """Return the cache folder as an absolute path; it need not exist yet.

    It is the environment variable `GODOT_MARL_CACHE` where that is set and not empty, and the platform's own place for
    caches otherwise.
    """
    chosen = os.environ.get("GODOT_MARL_CACHE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    return platformdirs.user_cache_path("godot-marl", appauthor=False)

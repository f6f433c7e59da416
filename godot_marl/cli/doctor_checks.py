"""The checks of `godot-marl doctor` on this machine; those of the game are in `doctor_game_checks`."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from godot_marl.assets.cache import cache_dir
from godot_marl.engine import Engine, find_engine
from godot_marl.errors import EngineError, GodotMarlError
from godot_marl.version import __version__

State: TypeAlias = Literal["ok", "warning", "missing", "failed", "skipped"]

_REQUIRED = ("gymnasium", "pettingzoo", "numpy", "websockets", "click", "filelock", "platformdirs")
_EXTRAS = {
    "sb3": ("stable-baselines3", "sb3-contrib", "tensorboard", "matplotlib", "imageio", "imageio-ffmpeg", "rich"),
    "render": ("pillow", "pyvirtualdisplay"),
    "supersuit": ("supersuit",),
    "rllib": ("ray",),
}
_MIN_FREE_BYTES = 1 << 30


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Attributes:
        name: The check's name.
        state: "ok"; "warning" for a part that works and should be changed; "missing" for a part that only some uses
            need; "failed"; or "skipped".
        found: What the check found, or what went wrong.
        remedy: What to do, or None.
    """

    name: str
    state: State
    found: str
    remedy: str | None = None

    @classmethod
    def of_error(cls, name: str, error: GodotMarlError | OSError) -> Check:
        """Make a failed check from an error."""
        return cls(name, "failed", str(error) or type(error).__name__)


def check_python() -> Iterator[Check]:
    """Report the versions of Python, of this package, and of the packages that it uses."""
    system = f"{platform.system()} on {platform.machine()}"
    yield Check("python", "ok", f"{platform.python_version()} ({sys.executable}), {system}")
    yield _check_packages("packages", _REQUIRED, "failed", "pip install godot-marl", first=f"godot-marl {__version__}")
    for extra, names in _EXTRAS.items():
        yield _check_packages(f"extra {extra}", names, "missing", f"pip install 'godot-marl[{extra}]', if you want it")


def _check_packages(name: str, packages: tuple[str, ...], otherwise: State, remedy: str, first: str = "") -> Check:
    installed, missing = [first] if first else [], []
    for package in packages:
        try:
            installed.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(package)
    if missing:
        found = f"without {', '.join(missing)}" + (f"; {', '.join(installed)}" if installed else "")
        return Check(name, otherwise, found, remedy)
    return Check(name, "ok", ", ".join(installed))


def check_engine(path: str | None) -> tuple[Check, Engine | None]:
    """Find the engine without installing one.

    Args:
        path: The engine's path, or None for the one that is found.

    Returns:
        The check, and the engine; None if there is none.
    """
    try:
        engine = find_engine(path)
    except EngineError as error:
        return Check.of_error("engine", error), None
    return Check("engine", "ok", f"{engine.version}, {engine.path} ({engine.source})"), engine


def check_cache() -> Check:
    """Check that the cache folder is writable and has free space."""
    folder = cache_dir()
    remedy = "set the environment variable GODOT_MARL_CACHE to a writable folder"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(4096))
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Check("cache", "failed", f"{folder} is not writable: {error.strerror}", remedy)
    found = f"{folder}, {free / (1 << 30):.1f} GB free"
    if free < _MIN_FREE_BYTES:
        return Check("cache", "missing", found, f"free some space, since an engine takes 500 MB; or {remedy}")
    return Check("cache", "ok", found)


def check_socket() -> Check:
    """Check that a client on this machine can connect to a server on it."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            with socket.create_connection(("127.0.0.1", port), timeout=5.0) as client:
                client.sendall(b"hello")
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(5.0)
                    connection.recv(5)
    except OSError as error:
        remedy = "allow connections to 127.0.0.1 in this machine's firewall or sandbox"
        return Check("socket", "failed", f"127.0.0.1 cannot be reached: {error}", remedy)
    return Check("socket", "ok", "127.0.0.1 can be reached")


def check_display() -> Check:
    """Find the display for rendering."""
    if sys.platform != "linux":
        return Check("display", "ok", "the system's display")
    for name in ("WAYLAND_DISPLAY", "DISPLAY"):
        if os.environ.get(name):
            return Check("display", "ok", f"{name}={os.environ[name]}")
    program = shutil.which("Xvfb")
    if program is None:
        return Check(
            "display",
            "missing",
            "no DISPLAY, no WAYLAND_DISPLAY and no Xvfb; only render_mode needs a display",
            "install Xvfb: `apt-get install xvfb`, or your system's package",
        )
    return Check("display", "ok", f"none, but {program} provides one for render_mode='rgb_array'")


def check_machine() -> Check:
    """Report the number of available processors, and the memory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    found = f"{cores} processor{'s'[: cores != 1]}"
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found += f", {os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / (1 << 30):.1f} GB of memory"
    return Check("machine", "ok", found)

"""What `godot-marl doctor` looks at on this machine; the game has a module of its own, `health_game`."""

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

from godot_marl.cache import cache_dir
from godot_marl.engine import Engine, find_engine
from godot_marl.errors import EngineError, GodotMarlError
from godot_marl.version import __version__

State: TypeAlias = Literal["ok", "missing", "failed", "skipped"]

_NEEDED = ("gymnasium", "pettingzoo", "numpy", "websockets", "click", "filelock", "platformdirs")
_EXTRAS = {
    "sb3": ("stable-baselines3", "sb3-contrib", "tensorboard", "matplotlib", "imageio", "imageio-ffmpeg", "rich"),
    "render": ("pillow", "pyvirtualdisplay"),
    "supersuit": ("supersuit",),
    "rllib": ("ray",),
}
_ROOM = 1 << 30


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: What it is.
        state: "ok"; "missing", which some uses need and others do not; "failed"; or "skipped".
        found: What there is, or what went wrong.
        remedy: What to do, or None.
    """

    name: str
    state: State
    found: str
    remedy: str | None = None

    @classmethod
    def of_error(cls, name: str, error: GodotMarlError | OSError) -> Check:
        """The check that ended with this error."""
        return cls(name, "failed", str(error) or type(error).__name__)


def check_python() -> Iterator[Check]:
    """The versions of Python, of this package, and of those that it uses."""
    system = f"{platform.system()} on {platform.machine()}"
    yield Check("python", "ok", f"{platform.python_version()} ({sys.executable}), {system}")
    yield _check_packages("packages", _NEEDED, "failed", "pip install godot-marl", first=f"godot-marl {__version__}")
    for extra, names in _EXTRAS.items():
        yield _check_packages(f"extra {extra}", names, "missing", f"pip install 'godot-marl[{extra}]', if you want it")


def _check_packages(name: str, names: tuple[str, ...], otherwise: State, remedy: str, first: str = "") -> Check:
    there, missing = [first] if first else [], []
    for package in names:
        try:
            there.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(package)
    if missing:
        found = f"without {', '.join(missing)}" + (f"; {', '.join(there)}" if there else "")
        return Check(name, otherwise, found, remedy)
    return Check(name, "ok", ", ".join(there))


def check_engine(named: str | None) -> tuple[Check, Engine | None]:
    """The engine that would be used; it is not installed if there is none."""
    try:
        engine = find_engine(named)
    except EngineError as error:
        return Check.of_error("engine", error), None
    return Check("engine", "ok", f"{engine.version}, {engine.path} ({engine.source})"), engine


def check_cache() -> Check:
    """Whether there is room to write in the cache folder."""
    folder = cache_dir()
    remedy = "set the environment variable GODOT_MARL_CACHE to a folder that you can write"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(4096))
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Check("cache", "failed", f"{folder} cannot be written: {error.strerror}", remedy)
    found = f"{folder}, {free / (1 << 30):.1f} GB free"
    if free < _ROOM:
        return Check("cache", "missing", found, f"make room: an engine takes 500 MB; or {remedy}")
    return Check("cache", "ok", found)


def check_socket() -> Check:
    """Whether a program can connect to another one on this machine."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            with socket.create_connection(("127.0.0.1", port), timeout=5.0) as there:
                there.sendall(b"hello")
                here, _ = listener.accept()
                with here:
                    here.settimeout(5.0)
                    here.recv(5)
    except OSError as error:
        remedy = "let this machine's firewall or sandbox allow connections to 127.0.0.1"
        return Check("socket", "failed", f"127.0.0.1 cannot be reached: {error}", remedy)
    return Check("socket", "ok", "127.0.0.1 can be reached")


def check_display() -> Check:
    """What pictures would be drawn on."""
    if sys.platform != "linux":
        return Check("display", "ok", "the system's own")
    for name in ("WAYLAND_DISPLAY", "DISPLAY"):
        if os.environ.get(name):
            return Check("display", "ok", f"{name}={os.environ[name]}")
    program = shutil.which("Xvfb")
    if program is None:
        return Check(
            "display",
            "missing",
            "no DISPLAY, no WAYLAND_DISPLAY and no Xvfb; training needs none, render_mode does",
            "install Xvfb: `apt-get install xvfb`, or your system's package",
        )
    return Check("display", "ok", f"none, but {program} makes one for render_mode='rgb_array'")


def check_machine() -> Check:
    """How many processors there are for games, and how much memory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    found = f"{cores} processor{'s'[: cores != 1]}"
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found += f", {os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / (1 << 30):.1f} GB of memory"
    return Check("machine", "ok", found)

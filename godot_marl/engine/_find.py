"""Searches for a Godot executable in a fixed order, and checks the version of each candidate.

It uses the file tests of `os.path`, because those of `pathlib` raise errors in unreadable folders on PATH.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from godot_marl.engine import _manifest
from godot_marl.engine._model import (
    MANUAL_INSTALL,
    MINIMUM_TEXT,
    MINIMUM_VERSION,
    Engine,
    Source,
    parse_version,
)
from godot_marl.engine._process import run
from godot_marl.errors import EngineError, EngineNotFoundError, EngineVersionError

_log = logging.getLogger("godot_marl.engine")

VARIABLE = "GODOT_MARL_ENGINE"

# A cold start from a slow disk takes a few seconds; a warm one 0.03 s.
_VERSION_TIMEOUT = 30.0  # seconds

_NAMES = ("godot", "godot4")
_SUFFIXES = ("", ".exe") if os.name == "nt" else ("",)


@dataclass(frozen=True)
class PassedOver:
    """A candidate of the search that is not usable.

    Attributes:
        path: The candidate.
        reason: Why it is not usable.
    """

    path: Path
    reason: str


def find_engine(engine: str | os.PathLike[str] | None = None) -> Engine:
    """Find a Godot executable that is new enough, without installing one.

    The order is: `engine`; the environment variable `GODOT_MARL_ENGINE`; a `godot`, `godot4` or `Godot*` on PATH; the
    engine that godot-marl installed. An engine that the argument or the variable specifies must be usable. Other
    candidates that are too old or do not run are passed over.

    Args:
        engine: A path, or the name of a program on PATH; None to search for one.

    Raises:
        EngineNotFoundError: The specified engine does not exist or cannot be started, or none was found.
        EngineVersionError: The specified engine is too old, or not a Godot engine.
    """
    found, passed_over = search(engine)
    if found is not None:
        return found
    raise EngineNotFoundError(
        "No Godot engine was found.",
        where=f"the engine= option, {VARIABLE}, {', '.join(_NAMES)} and Godot* on PATH, {_manifest.installed_folder()}",
        expected=f"{MINIMUM_TEXT}",
        got="; ".join(f"{candidate.path}: {candidate.reason}" for candidate in passed_over)
        or "none at any of these places",
        remedy=f"run `godot-marl engine install`, or {MANUAL_INSTALL}",
    )


def search(engine: str | os.PathLike[str] | None = None) -> tuple[Engine | None, list[PassedOver]]:
    """Search as `find_engine` does, without an error if there is no engine.

    Returns:
        The engine or None, and the candidates that were passed over.

    Raises:
        EngineNotFoundError: The specified engine does not exist or cannot be started.
        EngineVersionError: The specified engine is too old, or not a Godot engine.
    """
    if engine is not None:
        return _specified(os.fspath(engine), "option"), []
    if variable := os.environ.get(VARIABLE):
        return _specified(variable, "GODOT_MARL_ENGINE"), []
    passed_over: list[PassedOver] = []
    for path in _on_path():
        try:
            return probe(path, "PATH"), passed_over
        except EngineError as error:
            _pass_over(passed_over, path, error)
    try:
        installed = find_installed()
    except EngineError as error:
        _pass_over(passed_over, _manifest.installed_folder(), error)
    else:
        return installed, passed_over
    return None, passed_over


def find_installed() -> Engine | None:
    """Return the engine that godot-marl installed, or None if there is none.

    Raises:
        EngineError: The installed engine does not work, or is too old for this version of godot-marl.
    """
    path = _manifest.read()
    return None if path is None else probe(path, "installed")


def probe(path: Path, source: Source) -> Engine:
    """Run an executable with `--version`, and check its version.

    Args:
        path: The executable.
        source: Where it was found.

    Raises:
        EngineNotFoundError: The file does not exist or cannot be started.
        EngineVersionError: The engine is too old, or the program is not a Godot engine.
    """
    where = f"{path} ({_WHERE[source]})"
    remedy = _REMEDY[source]

    def not_found(what: str, got: str) -> EngineNotFoundError:
        return EngineNotFoundError(what, where=where, expected="an executable file", got=got, remedy=remedy)

    def wrong_version(what: str, got: str) -> EngineVersionError:
        return EngineVersionError(what, where=where, expected=MINIMUM_TEXT, got=got, remedy=remedy)

    if not os.path.isfile(path):
        got = "a folder" if os.path.isdir(path) else "there is no such file"
        raise not_found("The engine does not exist.", got)
    try:
        finished = run([path, "--version"], timeout=_VERSION_TIMEOUT)
    except subprocess.TimeoutExpired:
        got = f"no output for --version within {_VERSION_TIMEOUT:g} s"
        raise wrong_version("This engine does not report its version.", got) from None
    except OSError as error:
        raise not_found("This engine cannot be started.", error.strerror or str(error)) from error
    # Ignore the exit status: some Godot 3 engines exit with 255, and their version makes a better error.
    for line in finished.stdout.splitlines():
        version = parse_version(line.strip())
        if version is None:
            continue
        if version < MINIMUM_VERSION:
            raise wrong_version("This engine is too old.", line.strip())
        return Engine(path=path, version=line.strip(), source=source)
    output = (finished.stdout.strip() or finished.stderr.strip() or "nothing").splitlines()[-1][:200]
    got = f"exit status {finished.status} for --version, with the output: {output}"
    raise wrong_version("This is not a Godot engine.", got)


_WHERE: dict[Source, str] = {
    "option": "the engine= option",
    "GODOT_MARL_ENGINE": f"the environment variable {VARIABLE}",
    "PATH": "on PATH",
    "installed": "installed by godot-marl",
}
_REMEDY: dict[Source, str] = {
    "option": f"specify an executable of {MINIMUM_TEXT}, or omit the option to have one found or installed",
    "GODOT_MARL_ENGINE": f"set it to an executable of {MINIMUM_TEXT}, or unset it to have one found or installed",
    "PATH": MANUAL_INSTALL,
    "installed": "run `godot-marl engine install --force`",
}


def _specified(name: str, source: Source) -> Engine:
    path = Path(os.path.expanduser(name))
    if len(path.parts) == 1 and not os.path.exists(path):
        on_path = shutil.which(name)
        path = Path(on_path) if on_path else path
    # On macOS, Godot.app is a folder.
    executable = path / "Contents" / "MacOS" / "Godot"
    # Absolute, because the game may run in another folder; not resolved, because the error must show the user's path.
    return probe((executable if os.path.isfile(executable) else path).absolute(), source)


def _on_path() -> Iterator[Path]:
    """Yield candidates on PATH: each of the names in the order of PATH, then `Godot*` with the newest first."""
    # An empty entry means the current folder, whose programs must not run without a request.
    folders = [Path(entry) for entry in os.environ.get("PATH", "").split(os.pathsep) if entry]
    candidates = [folder / (name + ending) for name in _NAMES for folder in folders for ending in _SUFFIXES]
    for folder in folders:
        with contextlib.suppress(OSError):
            versioned = [folder / name for name in os.listdir(folder) if name.startswith("Godot")]
            candidates += sorted(versioned, key=_version_key, reverse=True)
    seen: set[Path] = set()
    for candidate in candidates:
        if not os.path.isfile(candidate) or not os.access(candidate, os.X_OK):
            continue
        if os.name == "nt" and candidate.suffix.lower() != ".exe":
            continue
        # PATH may repeat a folder, and file systems may ignore case, so compare real paths.
        real = candidate.resolve()
        if real not in seen:
            seen.add(real)
            yield candidate.absolute()


def _version_key(path: Path) -> tuple[list[int], str]:
    """Return a sort key that orders `Godot_v4.10` after `Godot_v4.9`."""
    return [int(number) for number in re.findall(r"\d+", path.name)], path.name


def _pass_over(passed_over: list[PassedOver], path: Path, error: EngineError) -> None:
    reason = f"{error.what.rstrip('.')} ({error.got})"
    _log.info("passed over %s: %s", path, reason)
    passed_over.append(PassedOver(path, reason))

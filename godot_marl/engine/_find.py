"""Look for a Godot executable, in a fixed order, and ask each for its version.

The tests on files are those of `os.path`: the ones of `pathlib` raise where a folder on PATH may not be read.
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
    BY_HAND,
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
_ENDINGS = ("", ".exe") if os.name == "nt" else ("",)


@dataclass(frozen=True)
class PassedOver:
    """A candidate that nobody named, and why it was not taken."""

    path: Path
    reason: str


def find_engine(engine: str | os.PathLike[str] | None = None) -> Engine:
    """Find a Godot executable that is new enough, without installing one.

    The order is: `engine`; the environment variable `GODOT_MARL_ENGINE`; a `godot`, `godot4` or `Godot*` on PATH; one
    that godot-marl installed before. One that was named, by the argument or the variable, is taken or is an error.
    Others that are too old or do not run are passed over.

    Args:
        engine: A path, or the name of a program on PATH; None to look for one.

    Raises:
        EngineNotFoundError: The one that was named does not exist or cannot be started, or there is none at all.
        EngineVersionError: The one that was named is too old, or does not answer as Godot does.
    """
    found, passed_over = search(engine)
    if found is not None:
        return found
    raise EngineNotFoundError(
        "No Godot engine was found.",
        where=f"the engine= option, {VARIABLE}, {', '.join(_NAMES)} and Godot* on PATH, {_manifest.installed_folder()}",
        expected=f"{MINIMUM_TEXT}",
        got="; ".join(f"{each.path}: {each.reason}" for each in passed_over) or "none at any of these places",
        remedy=f"run `godot-marl engine install`, or {BY_HAND}",
    )


def search(engine: str | os.PathLike[str] | None = None) -> tuple[Engine | None, list[PassedOver]]:
    """Do as `find_engine`, but return None and what was passed over where it finds none.

    Raises:
        EngineNotFoundError: The one that was named does not exist or cannot be started.
        EngineVersionError: The one that was named is too old, or does not answer as Godot does.
    """
    if engine is not None:
        return _named(os.fspath(engine), "option"), []
    if variable := os.environ.get(VARIABLE):
        return _named(variable, "GODOT_MARL_ENGINE"), []
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
    """Return the engine that godot-marl installed before, or None if there is none.

    Raises:
        EngineError: There is one, but it does not work any more, or is too old for this version of godot-marl.
    """
    path = _manifest.read()
    return None if path is None else probe(path, "installed")


def probe(path: Path, source: Source) -> Engine:
    """Ask an executable for its version.

    Raises:
        EngineNotFoundError: It does not exist or cannot be started.
        EngineVersionError: It is too old, or does not answer as Godot does.
    """
    where = f"{path} ({_WHERE[source]})"
    remedy = _REMEDY[source]

    def not_found(what: str, got: str) -> EngineNotFoundError:
        return EngineNotFoundError(what, where=where, expected="an executable file", got=got, remedy=remedy)

    def unfit(what: str, got: str) -> EngineVersionError:
        return EngineVersionError(what, where=where, expected=MINIMUM_TEXT, got=got, remedy=remedy)

    if not os.path.isfile(path):
        got = "a folder" if os.path.isdir(path) else "there is no such file"
        raise not_found("The engine does not exist.", got)
    try:
        answer = run([path, "--version"], timeout=_VERSION_TIMEOUT)
    except subprocess.TimeoutExpired:
        got = f"no answer to --version within {_VERSION_TIMEOUT:g} s"
        raise unfit("This engine does not say its version.", got) from None
    except OSError as error:
        raise not_found("This engine cannot be started.", error.strerror or str(error)) from error
    # Not the exit status: some Godot 3 return 255, and the version says more about them than that.
    for line in answer.stdout.splitlines():
        version = parse_version(line.strip())
        if version is None:
            continue
        if version < MINIMUM_VERSION:
            raise unfit("This engine is too old.", line.strip())
        return Engine(path=path, version=line.strip(), source=source)
    said = (answer.stdout.strip() or answer.stderr.strip() or "nothing").splitlines()[-1][:200]
    raise unfit("This is no Godot engine.", f"exit status {answer.status} after --version, which printed: {said}")


_WHERE: dict[Source, str] = {
    "option": "the engine= option",
    "GODOT_MARL_ENGINE": f"the environment variable {VARIABLE}",
    "PATH": "on PATH",
    "installed": "installed by godot-marl",
}
_REMEDY: dict[Source, str] = {
    "option": f"name an executable of {MINIMUM_TEXT}, or leave the option out to have one found or installed",
    "GODOT_MARL_ENGINE": f"set it to an executable of {MINIMUM_TEXT}, or unset it to have one found or installed",
    "PATH": BY_HAND,
    "installed": "run `godot-marl engine install --force`",
}


def _named(name: str, source: Source) -> Engine:
    path = Path(os.path.expanduser(name))
    if len(path.parts) == 1 and not os.path.exists(path):
        on_path = shutil.which(name)
        path = Path(on_path) if on_path else path
    bundle = path / "Contents" / "MacOS" / "Godot"  # what macOS shows as the program Godot.app is a folder
    # Absolute, as the game may be started in another folder; links stay, as a link's name may be what was meant.
    return probe((bundle if os.path.isfile(bundle) else path).absolute(), source)


def _on_path() -> Iterator[Path]:
    """Yield what looks like Godot: for each name in the order of PATH, then `Godot*` with the newest first."""
    # An empty entry means the current folder: what lies there is not run unasked.
    folders = [Path(entry) for entry in os.environ.get("PATH", "").split(os.pathsep) if entry]
    candidates = [folder / (name + ending) for name in _NAMES for folder in folders for ending in _ENDINGS]
    for folder in folders:
        with contextlib.suppress(OSError):
            named = [folder / name for name in os.listdir(folder) if name.startswith("Godot")]
            candidates += sorted(named, key=_numbers, reverse=True)
    seen: set[Path] = set()
    for candidate in candidates:
        if not os.path.isfile(candidate) or not os.access(candidate, os.X_OK):
            continue
        if os.name == "nt" and candidate.suffix.lower() != ".exe":
            continue
        # The same file has several names where PATH repeats a folder, or where case does not count.
        real = candidate.resolve()
        if real not in seen:
            seen.add(real)
            yield candidate.absolute()


def _numbers(path: Path) -> tuple[list[int], str]:
    """Order `Godot_v4.10` after `Godot_v4.9`."""
    return [int(number) for number in re.findall(r"\d+", path.name)], path.name


def _pass_over(passed_over: list[PassedOver], path: Path, error: EngineError) -> None:
    reason = f"{error.what.rstrip('.')} ({error.got})"
    _log.info("passed over %s: %s", path, reason)
    passed_over.append(PassedOver(path, reason))

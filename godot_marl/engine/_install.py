"""Install an engine into the user's cache: whole or not at all, and once even if two processes ask for it."""

from __future__ import annotations

import logging
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from godot_marl.engine import _manifest
from godot_marl.engine._debian import DebianProvider
from godot_marl.engine._find import find_installed, probe, search
from godot_marl.engine._model import BY_HAND, Engine, Progress, Provider, ProviderName, Report
from godot_marl.engine._official import OfficialProvider
from godot_marl.errors import EngineError, EngineInstallError, InvalidOptionError

_log = logging.getLogger("godot_marl.engine")

# Longer than the longest installation, whose own steps all have deadlines.
_LOCK_TIMEOUT = 7200.0  # seconds

# Both kinds of folder are removed by the next installation, if a crash left them.
_NEW = ".installing-"
_OLD = ".replaced-"


def default_providers() -> tuple[Provider, ...]:
    """Return the ways to get Godot, best first: Debian's brings all that it needs, a renderer too."""
    return (DebianProvider(), OfficialProvider())


def choose_providers(name: ProviderName = "auto", version: str | None = None) -> tuple[Provider, ...]:
    """Return the ways to get Godot that a user asked for.

    Args:
        name: "debian", "official", or "auto": `default_providers`, or the official one where a version is given.
        version: A release of the Godot project, such as "4.6.3"; None for the one that was tested.

    Raises:
        InvalidOptionError: There is no such version, or Debian was to choose one.
    """
    if name == "debian":
        if version is not None:
            raise InvalidOptionError(
                "Debian has one version of Godot at a time.",
                where="version",
                expected="None with the provider debian",
                got=repr(version),
                remedy="leave it out, or choose the provider official",
            )
        return (DebianProvider(),)
    if name == "official" or version is not None:
        return (OfficialProvider() if version is None else OfficialProvider(version),)
    return tuple(default_providers())


def ensure_engine(engine: str | os.PathLike[str] | None = None, *, report: Report | None = None) -> Engine:
    """Find a Godot executable as `find_engine` does, and install one if there is none.

    Args:
        engine: A path, or the name of a program on PATH; None to look for one.
        report: Told how far the installation is.

    Raises:
        EngineNotFoundError: The one that was named does not exist or cannot be started.
        EngineVersionError: The one that was named is too old, or does not answer as Godot does.
        EngineInstallError: There is none, and none could be installed.
    """
    found, _ = search(engine)
    return found if found is not None else install_engine(report)


def install_engine(
    report: Report | None = None,
    *,
    force: bool = False,
    providers: Sequence[Provider] | None = None,
    only_from: bool = False,
) -> Engine:
    """Install Godot into the user's cache, unless an installed one that works is there.

    A second call, in another process too, waits for the first and returns what that one installed. However it ends,
    nothing half-done looks installed afterwards.

    Args:
        report: Told how far it is.
        force: Install even if there is one, and replace it.
        providers: The ways to get Godot, the first that fits is taken; None is what godot-marl knows.
        only_from: Replace an installed engine too if it came from none of these providers.

    Raises:
        EngineInstallError: No provider fits this machine, or it failed.
    """
    tell = report if report is not None else _ignore
    target = _manifest.installed_folder()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _lock(target.parent / "install.lock", tell):
            _remove_remains(target.parent)
            chosen = default_providers() if providers is None else providers
            fits = not only_from or _manifest.provider() in [provider.name for provider in chosen]
            if not force and fits and (installed := _working()) is not None:
                return installed
            return _install(_fitting(chosen), target, tell)
    except OSError as error:
        raise EngineInstallError(
            "The engine could not be installed.",
            where=str(target),
            expected="a cache folder with 1 GB of room in which files can be written and started",
            got=str(error),
            remedy="make room, or set the environment variable GODOT_MARL_CACHE to another folder",
        ) from error


def _install(provider: Provider, target: Path, tell: Report) -> Engine:
    # Without somebody who is told how far it is, this is all that explains the wait.
    level = logging.INFO if tell is not _ignore else logging.WARNING
    _log.log(level, "installing Godot into %s from %s", target, provider.name)
    # Beside the target, as only a rename within one file system is atomic. Not by `tempfile`: its folders are closed
    # to other users, and a cache can be shared.
    new = target.with_name(_NEW + uuid.uuid4().hex)
    new.mkdir()
    try:
        executable = provider.install(new, tell)
        tell(Progress("start it once", 0, 1))
        version = _started(executable, provider).version
        _manifest.write(new, executable, provider=provider.name, version=version)
        tell(Progress("start it once", 1, 1))
        if target.exists():
            target.rename(target.with_name(_OLD + uuid.uuid4().hex))
        new.rename(target)
    finally:
        _remove_remains(target.parent)
    _log.info("installed Godot %s", version)
    return Engine(path=target / executable.relative_to(new), version=version, source="installed")


def _started(executable: Path, provider: Provider) -> Engine:
    try:
        return probe(executable, "installed")
    except EngineError as error:
        raise EngineInstallError(
            f"Godot from {provider.name} does not work on this machine: {error.what}",
            where=error.where,
            expected=error.expected,
            got=error.got,
            remedy=BY_HAND,
        ) from error


def _working() -> Engine | None:
    try:
        return find_installed()
    except EngineError as error:
        _log.info("the installed engine is replaced: %s", error.what)
        return None


def _fitting(providers: Sequence[Provider]) -> Provider:
    reasons = []
    for provider in providers:
        reason = provider.reason_unavailable()
        if reason is None:
            return provider
        reasons.append(f"{provider.name}: {reason}")
    raise EngineInstallError(
        "godot-marl cannot install Godot on this machine.",
        where="godot-marl engine install",
        expected="one of the ways that godot-marl knows to get Godot",
        got="; ".join(reasons) or "none is known",
        remedy=BY_HAND,
    )


@contextmanager
def _lock(path: Path, tell: Report) -> Iterator[None]:
    """Hold the lock that makes one installation wait for another. The system frees it when its holder dies."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        _log.info("waiting for another process that installs Godot")
        tell(Progress("wait for another installation"))
        try:
            lock.acquire(timeout=_LOCK_TIMEOUT)
        except Timeout:
            raise EngineInstallError(
                "Another process has been installing the engine for too long.",
                where=str(path),
                expected=f"its end within {_LOCK_TIMEOUT:g} s",
                got="the lock is still held",
                remedy="end that process, then try again",
            ) from None
    try:
        yield
    finally:
        lock.release()


def _remove_remains(folder: Path) -> None:
    """Remove what earlier installations did not finish. Call it under the lock."""
    for kind in (_NEW, _OLD):
        for remains in folder.glob(f"{kind}*"):
            # A program of a killed installation may still write there; then the next installation removes the rest.
            shutil.rmtree(remains, ignore_errors=True)


def _ignore(_: Progress) -> None:
    pass

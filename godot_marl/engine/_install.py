"""Installs an engine into the user's cache: atomically, and only once for concurrent processes."""

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
from godot_marl.engine._model import MANUAL_INSTALL, Engine, Progress, Provider, ProviderName, Report
from godot_marl.engine._official import OfficialProvider
from godot_marl.errors import EngineError, EngineInstallError, InvalidOptionError

_log = logging.getLogger("godot_marl.engine")

# Longer than the longest installation, whose steps all have deadlines.
_LOCK_TIMEOUT = 7200.0  # seconds

# Prefixes of temporary folders. The next installation removes those that a crash left.
_NEW = ".installing-"
_OLD = ".replaced-"


def default_providers() -> tuple[Provider, ...]:
    """Return the providers, best first: Debian's packages include all dependencies, also a renderer."""
    return (DebianProvider(), OfficialProvider())


def choose_providers(name: ProviderName = "auto", version: str | None = None) -> tuple[Provider, ...]:
    """Return the providers that a user requests.

    Args:
        name: "debian"; "official"; or "auto" for `default_providers`, or the official one if there is a version.
        version: A release of the Godot project, such as "4.6.3"; None for the tested one.

    Raises:
        InvalidOptionError: The version is invalid, or combined with "debian".
    """
    if name == "debian":
        if version is not None:
            raise InvalidOptionError(
                "Debian has one version of Godot at a time.",
                where="version",
                expected="None with the provider debian",
                got=repr(version),
                remedy="omit the version, or choose the provider official",
            )
        return (DebianProvider(),)
    if name == "official" or version is not None:
        return (OfficialProvider() if version is None else OfficialProvider(version),)
    return tuple(default_providers())


def ensure_engine(engine: str | os.PathLike[str] | None = None, *, report: Report | None = None) -> Engine:
    """Find a Godot executable as `find_engine` does, and install one if there is none.

    Args:
        engine: A path, or the name of a program on PATH; None to search for one.
        report: Called with the progress of an installation.

    Raises:
        EngineNotFoundError: The specified engine does not exist or cannot be started.
        EngineVersionError: The specified engine is too old, or not a Godot engine.
        EngineInstallError: There is no engine, and none could be installed.
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
    """Install Godot into the user's cache, unless a working engine is installed there.

    A concurrent call, also in another process, waits for the first one and returns its engine. The installation is
    atomic: an interrupted one leaves no partial engine.

    Args:
        report: Called with the progress.
        force: Replace an installed engine.
        providers: The providers, of which the first available one is used; None for `default_providers`.
        only_from: Also replace an installed engine that came from another provider.

    Raises:
        EngineInstallError: No provider is available on this machine, or the installation failed.
    """
    report = report if report is not None else _no_report
    target = _manifest.installed_folder()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _lock(target.parent / "install.lock", report):
            _remove_leftovers(target.parent)
            candidates = default_providers() if providers is None else providers
            may_keep = not only_from or _manifest.provider() in [provider.name for provider in candidates]
            if not force and may_keep and (installed := _working_engine()) is not None:
                return installed
            return _install(_first_available(candidates), target, report)
    except OSError as error:
        raise EngineInstallError(
            "The engine could not be installed.",
            where=str(target),
            expected="a writable cache folder with 1 GB of free space, whose files can be executed",
            got=str(error),
            remedy="free some space, or set the environment variable GODOT_MARL_CACHE to another folder",
        ) from error


def _install(provider: Provider, target: Path, report: Report) -> Engine:
    # Without a progress report, a warning must explain the wait.
    level = logging.INFO if report is not _no_report else logging.WARNING
    _log.log(level, "installing Godot into %s from %s", target, provider.name)
    # In the target's parent, because only a rename within one file system is atomic. Not from `tempfile`, whose folders
    # are closed to other users of a shared cache.
    new = target.with_name(_NEW + uuid.uuid4().hex)
    new.mkdir()
    try:
        executable = provider.install(new, report)
        report(Progress("start it once", 0, 1))
        version = _probe(executable, provider).version
        _manifest.write(new, executable, provider=provider.name, version=version)
        report(Progress("start it once", 1, 1))
        if target.exists():
            target.rename(target.with_name(_OLD + uuid.uuid4().hex))
        new.rename(target)
    finally:
        _remove_leftovers(target.parent)
    _log.info("installed Godot %s", version)
    return Engine(path=target / executable.relative_to(new), version=version, source="installed")


def _probe(executable: Path, provider: Provider) -> Engine:
    try:
        return probe(executable, "installed")
    except EngineError as error:
        raise EngineInstallError(
            f"Godot from {provider.name} does not work on this machine: {error.what}",
            where=error.where,
            expected=error.expected,
            got=error.got,
            remedy=MANUAL_INSTALL,
        ) from error


def _working_engine() -> Engine | None:
    try:
        return find_installed()
    except EngineError as error:
        _log.info("the installed engine is replaced: %s", error.what)
        return None


def _first_available(providers: Sequence[Provider]) -> Provider:
    reasons = []
    for provider in providers:
        reason = provider.reason_unavailable()
        if reason is None:
            return provider
        reasons.append(f"{provider.name}: {reason}")
    raise EngineInstallError(
        "godot-marl cannot install Godot on this machine.",
        where="godot-marl engine install",
        expected="an available source of Godot",
        got="; ".join(reasons) or "none",
        remedy=MANUAL_INSTALL,
    )


@contextmanager
def _lock(path: Path, report: Report) -> Iterator[None]:
    """Hold the lock of the installation. The system releases it when its process ends."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        _log.info("waiting for another process that installs Godot")
        report(Progress("wait for another installation"))
        try:
            lock.acquire(timeout=_LOCK_TIMEOUT)
        except Timeout:
            raise EngineInstallError(
                "Another process has been installing the engine for too long.",
                where=str(path),
                expected=f"an installation within {_LOCK_TIMEOUT:g} s",
                got="the lock is still held",
                remedy="end that process, then try again",
            ) from None
    try:
        yield
    finally:
        lock.release()


def _remove_leftovers(folder: Path) -> None:
    """Remove the folders of interrupted installations. The caller holds the lock."""
    for prefix in (_NEW, _OLD):
        for leftover in folder.glob(f"{prefix}*"):
            # A program of a killed installation may still write there; then the next installation removes the rest.
            shutil.rmtree(leftover, ignore_errors=True)


def _no_report(_: Progress) -> None:
    pass

"""Installs Godot from its project: downloads a release archive of the editor, and verifies its published checksum."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from pathlib import Path
from typing import Final

from godot_marl.engine import _manifest
from godot_marl.engine._archive import unpack
from godot_marl.engine._download import NotThereError, download, fetch_text
from godot_marl.engine._model import MANUAL_INSTALL, MINIMUM_TEXT, MINIMUM_VERSION, Progress, Report
from godot_marl.errors import EngineInstallError, InvalidOptionError

VARIABLE: Final = "GODOT_MARL_ENGINE_URL"
"""The environment variable with the URL of a mirror."""

DEFAULT_VERSION: Final = "4.6.3"
"""The release that the tests run on, in Debian's build."""

_SITE = "https://github.com/godotengine/godot-builds/releases/download"
_CHECKSUMS = "SHA512-SUMS.txt"
_ARCHIVE_PAGE = "https://godotengine.org/download/archive/"

_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?(?:-([a-z]+\d*))?")
_MEGABYTE = 1_000_000

# The file name of each platform's archive after the version; without the .zip, that of its executable.
_ASSETS = {
    ("linux", "x86_64"): "linux.x86_64.zip",
    ("linux", "x86_32"): "linux.x86_32.zip",
    ("linux", "arm64"): "linux.arm64.zip",
    ("linux", "arm32"): "linux.arm32.zip",
    ("windows", "x86_64"): "win64.exe.zip",
    ("windows", "x86_32"): "win32.exe.zip",
    ("windows", "arm64"): "windows_arm64.exe.zip",
    ("darwin", "x86_64"): "macos.universal.zip",
    ("darwin", "arm64"): "macos.universal.zip",
}
_MACHINES = {"amd64": "x86_64", "aarch64": "arm64", "i386": "x86_32", "i686": "x86_32", "x86": "x86_32"}
_MACHINES |= {"armv7l": "arm32", "armv8l": "arm32"}


class OfficialProvider:
    """Installs a release of the Godot project, for Linux, Windows and macOS.

    Args:
        version: A version such as "4.6.3", "4.6" or "4.7-rc1".
        base_url: The URL of the folder with one folder for each release; None for GODOT_MARL_ENGINE_URL, or the
            project's own site.
        system: The system, as in `platform.system()`; None for this machine's.
        machine: The machine type, as in `platform.machine()`; None for this machine's.

    Raises:
        InvalidOptionError: The version is invalid or too old, or the URL is not an HTTP URL.
    """

    def __init__(
        self,
        version: str = DEFAULT_VERSION,
        *,
        base_url: str | None = None,
        system: str | None = None,
        machine: str | None = None,
    ) -> None:
        self.release = _release_of(version)
        self.name = f"the Godot project's release {self.release}"
        self._base = _checked_url(base_url or os.environ.get(VARIABLE) or _SITE)
        self._system = (system or platform.system()).lower()
        machine = (machine or platform.machine()).lower()
        self._machine = _MACHINES.get(machine, machine)

    def reason_unavailable(self) -> str | None:
        """Return why this machine cannot use it: there is no build for it; None if there is one."""
        if (self._system, self._machine) in _ASSETS:
            return None
        return f"there is no build for {self._system} on {self._machine}"

    @property
    def archive(self) -> str:
        """The file name of the archive for this system and machine."""
        return f"Godot_v{self.release}_{_ASSETS[self._system, self._machine]}"

    def install(self, folder: Path, report: Report) -> Path:
        """Download, verify and unpack the archive; see `Provider.install`.

        A broken download leaves its part in the cache, and the next installation resumes it.
        """
        expected = self._published_checksum(report)
        downloads = _manifest.downloads_folder()
        downloads.mkdir(parents=True, exist_ok=True)
        part = downloads / f"{self.archive}.part"
        for other in downloads.iterdir():
            if not other.name.startswith(part.name):
                other.unlink()
        url = self._url(self.archive)
        # An earlier installation may have failed after the download.
        if not part.exists() or _checksum(part) != expected:
            self._download(url, part, report)
            self._verify(url, part, expected)
        unpack(part, folder, report)
        executable = self._executable(folder)
        part.unlink()
        return executable

    def _url(self, name: str) -> str:
        return f"{self._base}/{self.release}/{name}"

    def _published_checksum(self, report: Report) -> str:
        report(Progress("published checksums"))
        url = self._url(_CHECKSUMS)
        try:
            text = fetch_text(url)
        except NotThereError as error:
            raise EngineInstallError(
                f"There is no Godot release {self.release}.",
                where=url,
                expected="the checksums of a release",
                got=str(error),
                remedy=f"choose a version from {_ARCHIVE_PAGE}, such as --version {DEFAULT_VERSION}",
            ) from error
        for line in text.splitlines():
            digest, _, name = line.strip().partition(" ")
            if name.strip().removeprefix("*") == self.archive and re.fullmatch("[0-9a-fA-F]{128}", digest):
                return digest.lower()
        raise EngineInstallError(
            "The release has no published checksum for this machine's archive.",
            where=url,
            expected=f"a line for {self.archive}",
            got="none",
            remedy=f"choose another version from {_ARCHIVE_PAGE}",
        )

    @staticmethod
    def _download(url: str, part: Path, report: Report) -> None:
        reported = -1

        def on_bytes(received: int, total: int | None) -> None:
            nonlocal reported
            done = received // _MEGABYTE if total is None or received < total else -(-received // _MEGABYTE)
            if done != reported:
                report(Progress("download [MB]", done, None if total is None else -(-total // _MEGABYTE)))
                reported = done

        try:
            download(url, part, on_bytes)
        except NotThereError as error:
            raise EngineInstallError(
                "The server has the release, but not its archive for this machine.",
                where=url,
                expected="the archive whose checksum is published",
                got=str(error),
                remedy=f"try another mirror or version; see {_ARCHIVE_PAGE}",
            ) from error

    @staticmethod
    def _verify(url: str, part: Path, expected: str) -> None:
        got = _checksum(part)
        if got == expected:
            return
        part.unlink()
        raise EngineInstallError(
            "The archive is not the one that the Godot project published.",
            where=url,
            expected=f"SHA-512 {expected}",
            got=f"SHA-512 {got}",
            remedy=f"try again, since the archive was removed; if it fails again, {MANUAL_INSTALL}",
        )

    def _executable(self, folder: Path) -> Path:
        name = self.archive.removesuffix(".zip")
        if self._system == "darwin":
            candidates = ["Godot.app/Contents/MacOS/Godot"]
        elif self._system == "windows":
            # Python can read the output of the console executable, which starts the other one.
            candidates = [f"{name.removesuffix('.exe')}_console.exe", name]
        else:
            candidates = [name]
        for candidate in candidates:
            path = folder / candidate
            if path.is_file():
                # Some archives have no file modes.
                path.chmod(path.stat().st_mode | 0o755)
                return path
        raise EngineInstallError(
            "The archive lacks an expected file.",
            where=self.archive,
            expected=" or ".join(candidates),
            got=", ".join(sorted(path.name for path in folder.iterdir())[:10]) or "nothing",
            remedy=MANUAL_INSTALL,
        )


def _release_of(version: str) -> str:
    """Return the name of a release, such as "4.6-stable", without a patch of 0."""
    match = _VERSION.fullmatch(version)
    if match is None or (int(match[1]), int(match[2])) < MINIMUM_VERSION:
        raise InvalidOptionError(
            "This version of Godot cannot be installed.",
            where="version",
            expected=f"{MINIMUM_TEXT}, such as {DEFAULT_VERSION}",
            got=repr(version),
            remedy=f"choose a version from {_ARCHIVE_PAGE}",
        )
    numbers = f"{match[1]}.{match[2]}" + (f".{match[3]}" if match[3] and int(match[3]) else "")
    return f"{numbers}-{match[4] or 'stable'}"


def _checked_url(url: str) -> str:
    if not url.startswith(("https://", "http://")):
        raise InvalidOptionError(
            "Godot cannot be downloaded from this URL.",
            where=VARIABLE,
            expected="a URL that begins with https:// or http://",
            got=repr(url),
        )
    return url.rstrip("/")


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha512").hexdigest()

"""Godot from Debian's packages, unpacked into a folder: no root, and nothing of the system is changed.

The machine's own apt downloads and verifies them, with a state of its own in which nothing is installed yet, so that
it brings all that they need, down to the C library: they come from a newer Debian than the machine may be.
"""

from __future__ import annotations

import logging
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from godot_marl.engine import _process
from godot_marl.engine._model import BY_HAND, Progress, Report
from godot_marl.errors import EngineInstallError

_log = logging.getLogger("godot_marl.engine")

SUITE = "testing"
# Mesa draws without a graphics card. The last one is opened at run time under X11, so that no dependency names it.
PACKAGES = ("godot", "libgl1-mesa-dri", "libgl1", "libegl1", "libxkbcommon-x11-0")

_PROGRAMS = ("apt-get", "dpkg", "dpkg-deb", "tar")
_KEYRINGS = tuple(Path("/usr/share/keyrings", f"debian-archive-keyring.{ending}") for ending in ("pgp", "gpg"))

# Seconds. Asking takes less than one, package lists a few; the download is 150 MB over a line that may be slow.
_ASK_TIMEOUT = 60.0
_LISTS_TIMEOUT = 600.0
_DOWNLOAD_TIMEOUT = 5400.0
_UNPACK_TIMEOUT = 300.0

# What a program needs only to be read about, or in a language that Godot brings itself.
_USELESS = ("doc", "man", "locale", "lintian", "bug", "bash-completion")

# Read after the machine's own configuration, so that its proxy and certificates stay.
_APT_CONF = """\
// What the machine does after an update is about its own packages.
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Default-Release;
#clear APT::Architectures;
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Get::Assume-Yes "true";
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
// Without it, package lists that could not be read are a warning.
APT::Update::Error-Mode "any";
Acquire::Retries "3";
"""

_WRAPPER = """\
#!/bin/sh
# Made by godot-marl: starts Godot with the libraries in this folder, wherever the folder lies.
self=$(readlink -f -- "$0") || exit
root=${{self%/*}}/root
export LIBGL_DRIVERS_PATH="$root/{libraries}/dri"
export GBM_BACKENDS_PATH="$root/{libraries}/gbm"
export __EGL_VENDOR_LIBRARY_DIRS="$root/usr/share/glvnd/egl_vendor.d"
# The machine's own fonts and keyboards come first; a small one has none, and Godot would complain.
[ -e /etc/fonts/fonts.conf ] || export FONTCONFIG_PATH="$root/etc/fonts"
[ -e /usr/share/X11/locale/locale.dir ] || export XLOCALEDIR="$root/usr/share/X11/locale"
exec "$root/{loader}" --library-path "{library_path}" "$root/{program}" "$@"
"""


class DebianProvider:
    """Installs the packages of Debian's suite `testing` from the mirror that this machine's apt uses."""

    name = f"Debian's packages ({SUITE})"

    def reason_unavailable(self) -> str | None:
        """Return why it cannot work here: no Linux, no apt, or no mirror of Debian."""
        if not sys.platform.startswith("linux"):
            return "this is not Linux"
        missing = [program for program in _PROGRAMS if shutil.which(program) is None]
        if missing:
            return f"this machine has no {', '.join(missing)}"
        try:
            found = find_mirrors()
        except EngineInstallError as error:
            return f"{error.what.rstrip('.')}: {error.got}"
        return None if found else "apt has no source with a mirror of Debian's main archive"

    def install(self, folder: Path, report: Report) -> Path:
        """Download, unpack, and write the wrapper `godot`; see `Provider.install`."""
        if set(":;") & set(str(folder)):
            raise EngineInstallError(
                "Godot cannot be installed into this folder.",
                where=str(folder),
                expected="a path without colon and semicolon, which part the folders in a library path",
                remedy="set the environment variable GODOT_MARL_CACHE to another folder",
            )
        work = folder / "apt"
        archives = self._download(work, report)
        root = folder / "root"
        root.mkdir()
        for count, archive in enumerate(archives):
            report(Progress("unpack", count, len(archives)))
            _checked(["dpkg-deb", "-x", archive, root], "A package could not be unpacked.", timeout=_UNPACK_TIMEOUT)
            archive.unlink()
        report(Progress("unpack", len(archives), len(archives)))
        shutil.rmtree(work)
        for name in _USELESS:
            shutil.rmtree(root / "usr" / "share" / name, ignore_errors=True)
        return write_wrapper(folder)

    def _download(self, work: Path, report: Report) -> list[Path]:
        """Return the verified packages, in a folder inside `work`."""
        report(Progress("package lists"))
        apt = prepare_apt(work)
        install = [*apt, "--download-only", "install", *PACKAGES]
        what = "Debian's packages could not be downloaded."
        planned = _checked([*install, "--print-uris"], what, timeout=_ASK_TIMEOUT)
        total = sum(line.startswith("'") for line in planned.splitlines())
        started = 0

        def count(line: str) -> None:
            nonlocal started
            # apt says so when a file begins; so that file is not there yet.
            if line.startswith("Get:"):
                report(Progress("download", min(started, total), total))
                started += 1

        _checked(install, what, timeout=_DOWNLOAD_TIMEOUT, on_line=count)
        report(Progress("download", total, total))
        archives = sorted((work / "cache" / "archives").glob("*.deb"))
        if not archives:
            raise EngineInstallError(what, where="apt-get", expected=f"{total} packages", got="none", remedy=BY_HAND)
        return archives


def prepare_apt(work: Path) -> list[str]:
    """Return an apt-get command with a state of its own in `work`, that has read the package lists of `testing`.

    Raises:
        EngineInstallError: No mirror could be read.
    """
    apt = _prepare(work)
    mirrors = find_mirrors()
    for position, mirror in enumerate(mirrors):
        _write_source(work, mirror)
        try:
            _checked([*apt, "update"], "Debian's package lists could not be read.", timeout=_LISTS_TIMEOUT)
            break
        except EngineInstallError as error:
            if position == len(mirrors) - 1:
                raise
            _log.info("trying the next mirror: %s", error.got)
    return apt


def find_mirrors() -> list[str]:
    """Return the addresses of Debian's main archive that this machine's apt uses, the likeliest first.

    Raises:
        EngineInstallError: apt cannot read its own sources.
    """
    ask = ["apt-get", "indextargets", "Created-By: Packages", "Component: main"]
    what = "apt does not say which mirrors it uses."
    known = "$(ORIGIN)|$(LABEL)|$(REPO_URI)"
    answer = _checked([*ask, "--format", known], what, timeout=_ASK_TIMEOUT)
    # The archive for security updates is labelled otherwise, and has no suite `testing` of its own.
    mirrors = [line.removeprefix("Debian|Debian|") for line in _words(answer) if line.startswith("Debian|Debian|")]
    if not mirrors and _is_debian():
        # A fresh machine has no lists yet, so that apt cannot know whose its sources are. Their releases tell; and
        # when it comes to it, only Debian's signature on `testing` makes apt take a mirror.
        answer = _checked([*ask, "--no-release-info", "--format", "$(RELEASE)|$(REPO_URI)"], what, timeout=_ASK_TIMEOUT)
        releases = {
            "oldoldstable",
            "oldstable",
            "stable",
            "testing",
            "unstable",
            "sid",
            _os_release("VERSION_CODENAME"),
        }
        for line in _words(answer):
            release, _, mirror = line.partition("|")
            if release in releases:
                mirrors.append(mirror)
    return list(dict.fromkeys(mirrors))


def write_wrapper(folder: Path) -> Path:
    """Write the script `godot` that starts what was unpacked into `folder/root`.

    The script finds its own folder, sets where Mesa's drivers are, and becomes Godot: its process id is Godot's.

    Raises:
        EngineInstallError: The packages do not hold what they used to.
    """
    root = folder / "root"
    # Where the C library lies tells the name that this architecture has in paths.
    libraries = _only(root, ["usr/lib/*/libc.so.6", "lib/*/libc.so.6"]).parent
    loader = _only(root, [f"{base}/{name}" for base in (libraries, "usr/lib*", "lib*") for name in _LOADERS])
    program = _only(root, ["usr/bin/godot", "usr/games/godot"])
    places = [libraries, *(libraries / name for name in ("pulseaudio",) if (root / libraries / name).is_dir())]
    wrapper = folder / "godot"
    text = _WRAPPER.format(
        libraries=libraries, loader=loader, program=program, library_path=":".join(f"$root/{each}" for each in places)
    )
    wrapper.write_text(text, encoding="utf-8")
    wrapper.chmod(0o755)
    return wrapper


_LOADERS = ("ld-linux*.so.*", "ld64.so.*", "ld.so.*")


def _only(root: Path, patterns: Sequence[str]) -> Path:
    """Return the first file that matches, relative to `root`."""
    for pattern in patterns:
        for found in sorted(root.glob(pattern)):
            return found.relative_to(root)
    raise EngineInstallError(
        "Debian's packages do not hold what they used to.",
        where=str(root),
        expected=" or ".join(patterns),
        got="no such file",
        remedy=BY_HAND,
    )


def _prepare(work: Path) -> list[str]:
    """Make a state folder for apt, and return the command that uses it."""
    for name in ("state/lists/partial", "cache/archives/partial"):
        (work / name).mkdir(parents=True)
    (work / "status").touch()
    architecture = _checked(
        ["dpkg", "--print-architecture"], "dpkg does not say the machine's architecture.", timeout=_ASK_TIMEOUT
    ).strip()
    (work / "apt.conf").write_text(_APT_CONF.format(architecture=architecture), encoding="utf-8")
    # Paths are arguments, where they need no quoting. "-" is a name that no file has.
    options = {
        "Dir::Etc::sourcelist": work / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::Etc::preferences": "-",
        "Dir::Etc::preferencesparts": "-",
        "Dir::State": work / "state",
        "Dir::State::lists": "lists",
        "Dir::State::extended_states": "extended_states",
        "Dir::State::status": work / "status",
        "Dir::Cache": work / "cache",
        "Dir::Cache::archives": "archives",
    }
    command = ["apt-get", "-q", "-c", str(work / "apt.conf")]
    for name, value in options.items():
        command += ["-o", f"{name}={value}"]
    return command


def _write_source(work: Path, mirror: str) -> None:
    # Only the list of packages: no translations, and nothing that other programs of the machine want to be fetched.
    options = ["target=Packages", "lang=none"]
    # Where the keyring is missing, apt falls back on all keys that the machine trusts; it always wants a signature.
    options += [f"signed-by={keyring}" for keyring in _KEYRINGS if keyring.is_file()][:1]
    (work / "sources.list").write_text(f"deb [{' '.join(options)}] {mirror} {SUITE} main\n", encoding="utf-8")


def _checked(
    command: Sequence[str | os.PathLike[str]],
    what: str,
    *,
    timeout: float,
    on_line: Callable[[str], None] | None = None,
) -> str:
    """Return what a program prints.

    Raises:
        EngineInstallError: It failed, or took too long; the message has what it said about that.
    """
    where = os.fspath(command[0])
    # The words that are looked for must not be translated.
    env = {**os.environ, "LC_ALL": "C", "LANGUAGE": "C"}
    try:
        finished = _process.run(command, timeout=timeout, env=env, on_line=on_line)
    except subprocess.TimeoutExpired:
        got = f"no end within {timeout:g} s"
        raise EngineInstallError(what, where=where, expected="an end", got=got, remedy=BY_HAND) from None
    if finished.status != 0:
        said = [line for line in finished.stderr.splitlines() if line.strip()]
        # Errors are what counts; there can be dozens of them, one for each file.
        said = [line for line in said if re.match(r"E:|Err:|.*error", line)] or said
        raise EngineInstallError(
            what,
            where=where,
            expected="exit status 0",
            got=f"exit status {finished.status}: " + "\n    ".join(said[-10:]),
            remedy=f"check the network and apt's sources and try again; or {BY_HAND}",
        )
    return finished.stdout


def _words(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _is_debian() -> bool:
    return _os_release("ID") == "debian"


def _os_release(key: str) -> str:
    try:
        return platform.freedesktop_os_release().get(key, "")
    except OSError:
        return ""

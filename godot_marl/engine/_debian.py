"""Installs Godot from Debian's packages, unpacked into a folder, without root and without changes to the system.

The machine's apt downloads and verifies the packages. It uses a separate, empty package state, and so downloads all
dependencies down to the C library, because the packages may come from a newer Debian than the machine's.
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
from godot_marl.engine._model import MANUAL_INSTALL, Progress, Report
from godot_marl.errors import EngineInstallError

_log = logging.getLogger("godot_marl.engine")

SUITE = "testing"
# Mesa renders without a graphics card. No package depends on the last one: Godot loads it at run time under X11.
PACKAGES = ("godot", "libgl1-mesa-dri", "libgl1", "libegl1", "libxkbcommon-x11-0")

_PROGRAMS = ("apt-get", "dpkg", "dpkg-deb", "tar")
_KEYRINGS = tuple(Path("/usr/share/keyrings", f"debian-archive-keyring.{ending}") for ending in ("pgp", "gpg"))

# In seconds. Queries take less than one, package lists a few; the download is 150 MB over a possibly slow line.
_QUERY_TIMEOUT = 60.0
_LISTS_TIMEOUT = 600.0
_DOWNLOAD_TIMEOUT = 5400.0
_UNPACK_TIMEOUT = 300.0

# Folders of documentation and translations; Godot has its own translations.
_UNNEEDED = ("doc", "man", "locale", "lintian", "bug", "bash-completion")

# apt reads it after the machine's configuration, so that the machine's proxy and certificates apply.
_APT_CONF = """\
// The machine's hooks concern its own packages.
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
// Otherwise apt only warns of package lists that it could not read.
APT::Update::Error-Mode "any";
Acquire::Retries "3";
"""

_WRAPPER = """\
#!/bin/sh
# Made by godot-marl: starts Godot with the libraries in this folder, which may be moved.
self=$(readlink -f -- "$0") || exit
root=${{self%/*}}/root
export LIBGL_DRIVERS_PATH="$root/{libraries}/dri"
export GBM_BACKENDS_PATH="$root/{libraries}/gbm"
export __EGL_VENDOR_LIBRARY_DIRS="$root/usr/share/glvnd/egl_vendor.d"
# The machine's fonts and keyboards take precedence; Godot reports errors where a machine has none.
[ -e /etc/fonts/fonts.conf ] || export FONTCONFIG_PATH="$root/etc/fonts"
[ -e /usr/share/X11/locale/locale.dir ] || export XLOCALEDIR="$root/usr/share/X11/locale"
exec "$root/{loader}" --library-path "{library_path}" "$root/{program}" "$@"
"""


class DebianProvider:
    """Installs the packages of Debian's suite `testing` from the mirror that this machine's apt uses."""

    name = f"Debian's packages ({SUITE})"

    def reason_unavailable(self) -> str | None:
        """Return why this machine cannot use it: no Linux, no apt, or no mirror of Debian; None if it can."""
        if not sys.platform.startswith("linux"):
            return "this is not Linux"
        missing = [program for program in _PROGRAMS if shutil.which(program) is None]
        if missing:
            return f"this machine has no {', '.join(missing)}"
        try:
            mirrors = find_mirrors()
        except EngineInstallError as error:
            return f"{error.what.rstrip('.')}: {error.got}"
        return None if mirrors else "apt has no source with a mirror of Debian's main archive"

    def install(self, folder: Path, report: Report) -> Path:
        """Download and unpack the packages, and write the wrapper `godot`; see `Provider.install`."""
        if set(":;") & set(str(folder)):
            raise EngineInstallError(
                "Godot cannot be installed into this folder.",
                where=str(folder),
                expected="a path without colon and semicolon, which separate the folders of a library path",
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
        for name in _UNNEEDED:
            shutil.rmtree(root / "usr" / "share" / name, ignore_errors=True)
        return write_wrapper(folder)

    def _download(self, work: Path, report: Report) -> list[Path]:
        """Download the packages into a folder inside `work`, and return their verified files."""
        report(Progress("package lists"))
        apt = prepare_apt(work)
        install = [*apt, "--download-only", "install", *PACKAGES]
        what = "Debian's packages could not be downloaded."
        uris = _checked([*install, "--print-uris"], what, timeout=_QUERY_TIMEOUT)
        total = sum(line.startswith("'") for line in uris.splitlines())
        started = 0

        def count(line: str) -> None:
            nonlocal started
            # apt prints this line when a download starts, so the file does not count as done yet.
            if line.startswith("Get:"):
                report(Progress("download", min(started, total), total))
                started += 1

        _checked(install, what, timeout=_DOWNLOAD_TIMEOUT, on_line=count)
        report(Progress("download", total, total))
        archives = sorted((work / "cache" / "archives").glob("*.deb"))
        if not archives:
            raise EngineInstallError(
                what, where="apt-get", expected=f"{total} packages", got="none", remedy=MANUAL_INSTALL
            )
        return archives


def prepare_apt(work: Path) -> list[str]:
    """Create a separate package state with the package lists of `testing`.

    Args:
        work: The folder of the package state.

    Returns:
        An apt-get command that uses it.

    Raises:
        EngineInstallError: apt could not read the package lists of any mirror.
    """
    apt = _create_apt_state(work)
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
    """Return the URLs of Debian's main archive that this machine's apt uses, the most likely first.

    Raises:
        EngineInstallError: apt cannot read its own sources.
    """
    query = ["apt-get", "indextargets", "Created-By: Packages", "Component: main"]
    what = "apt does not report which mirrors it uses."
    origin_format = "$(ORIGIN)|$(LABEL)|$(REPO_URI)"
    output = _checked([*query, "--format", origin_format], what, timeout=_QUERY_TIMEOUT)
    # The archive of security updates has another label, and no suite `testing`.
    mirrors = [line.removeprefix("Debian|Debian|") for line in _lines(output) if line.startswith("Debian|Debian|")]
    if not mirrors and _is_debian():
        # Without package lists, apt does not know the origin of its sources. Their releases identify Debian's; and apt
        # only accepts a mirror with Debian's signature on `testing`.
        release_format = "$(RELEASE)|$(REPO_URI)"
        output = _checked([*query, "--no-release-info", "--format", release_format], what, timeout=_QUERY_TIMEOUT)
        releases = {
            "oldoldstable",
            "oldstable",
            "stable",
            "testing",
            "unstable",
            "sid",
            _os_release("VERSION_CODENAME"),
        }
        for line in _lines(output):
            release, _, mirror = line.partition("|")
            if release in releases:
                mirrors.append(mirror)
    return list(dict.fromkeys(mirrors))


def write_wrapper(folder: Path) -> Path:
    """Write the script `godot` that starts the engine in `folder/root`.

    The script finds its own folder, sets the paths of Mesa's drivers, and replaces itself with Godot, so that its
    process id is Godot's.

    Raises:
        EngineInstallError: The packages lack an expected file.
    """
    root = folder / "root"
    # The C library's folder has the architecture in its name.
    libraries = _first_match(root, ["usr/lib/*/libc.so.6", "lib/*/libc.so.6"]).parent
    loader = _first_match(root, [f"{base}/{name}" for base in (libraries, "usr/lib*", "lib*") for name in _LOADERS])
    program = _first_match(root, ["usr/bin/godot", "usr/games/godot"])
    folders = [libraries, *(libraries / name for name in ("pulseaudio",) if (root / libraries / name).is_dir())]
    wrapper = folder / "godot"
    text = _WRAPPER.format(
        libraries=libraries, loader=loader, program=program, library_path=":".join(f"$root/{path}" for path in folders)
    )
    wrapper.write_text(text, encoding="utf-8")
    wrapper.chmod(0o755)
    return wrapper


_LOADERS = ("ld-linux*.so.*", "ld64.so.*", "ld.so.*")


def _first_match(root: Path, patterns: Sequence[str]) -> Path:
    """Return the first file that matches, relative to `root`."""
    for pattern in patterns:
        for path in sorted(root.glob(pattern)):
            return path.relative_to(root)
    raise EngineInstallError(
        "Debian's packages lack an expected file.",
        where=str(root),
        expected=" or ".join(patterns),
        got="no such file",
        remedy=MANUAL_INSTALL,
    )


def _create_apt_state(work: Path) -> list[str]:
    """Create an empty package state for apt, and return the command that uses it."""
    for name in ("state/lists/partial", "cache/archives/partial"):
        (work / name).mkdir(parents=True)
    (work / "status").touch()
    architecture = _checked(
        ["dpkg", "--print-architecture"], "dpkg does not report the machine's architecture.", timeout=_QUERY_TIMEOUT
    ).strip()
    (work / "apt.conf").write_text(_APT_CONF.format(architecture=architecture), encoding="utf-8")
    # Paths are arguments, because a configuration file would need quotes. "-" stands for no file.
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
    # Only the list of packages: no translations, and no index files that other programs request.
    options = ["target=Packages", "lang=none"]
    # Without the keyring, apt accepts all keys that the machine trusts; it always requires a signature.
    options += [f"signed-by={keyring}" for keyring in _KEYRINGS if keyring.is_file()][:1]
    (work / "sources.list").write_text(f"deb [{' '.join(options)}] {mirror} {SUITE} main\n", encoding="utf-8")


def _checked(
    command: Sequence[str | os.PathLike[str]],
    what: str,
    *,
    timeout: float,
    on_line: Callable[[str], None] | None = None,
) -> str:
    """Run a program, and return its standard output.

    Raises:
        EngineInstallError: The program failed or took too long; the message has the program's errors.
    """
    where = os.fspath(command[0])
    # The output is parsed, so it must not be translated.
    env = {**os.environ, "LC_ALL": "C", "LANGUAGE": "C"}
    try:
        finished = _process.run(command, timeout=timeout, env=env, on_line=on_line)
    except subprocess.TimeoutExpired:
        got = f"the program still runs after {timeout:g} s"
        raise EngineInstallError(what, where=where, expected="an end", got=got, remedy=MANUAL_INSTALL) from None
    if finished.status != 0:
        lines = [line for line in finished.stderr.splitlines() if line.strip()]
        # Report errors rather than warnings; there may be one error for each file.
        errors = [line for line in lines if re.match(r"E:|Err:|.*error", line)] or lines
        raise EngineInstallError(
            what,
            where=where,
            expected="exit status 0",
            got=f"exit status {finished.status}: " + "\n    ".join(errors[-10:]),
            remedy=f"check the network and apt's sources and try again; or {MANUAL_INSTALL}",
        )
    return finished.stdout


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _is_debian() -> bool:
    return _os_release("ID") == "debian"


def _os_release(key: str) -> str:
    try:
        return platform.freedesktop_os_release().get(key, "")
    except OSError:
        return ""

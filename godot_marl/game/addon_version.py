"""Compares the version of the addon in a game with that of this package: both should be the same."""

from __future__ import annotations

import logging
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from godot_marl.options import Game
from godot_marl.version import __version__

logger = logging.getLogger(__name__)

# A game may send any text, and int() rejects texts of thousands of digits.
_VERSION = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9}){1,3}")
_MAX_SHOWN = 40


@dataclass(frozen=True)
class AddonMismatch:
    """An addon whose version differs from the package's. The game still runs.

    Attributes:
        what: A sentence with both versions.
        where: The addon's folder.
        remedy: The command that makes both versions the same.
    """

    what: str
    where: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what} {self.remedy}"


def find_mismatch(addon_version: str, game: Game, package_version: str = __version__) -> AddonMismatch | None:
    """Compare the addon's version with the package's.

    Args:
        addon_version: The version that the game sent (docs/protocol.md, 2.1), which may be any text.
        game: The game, as the environment got it.
        package_version: The version of this package.

    Returns:
        The mismatch; None if the versions are the same.
    """
    if addon_version == package_version:
        return None
    addon_numbers, package_numbers = _parse_version(addon_version), _parse_version(package_version)
    project = _project_folder(game)
    where = "the game's addons/godot_marl folder" if project is None else str(project / "addons" / "godot_marl")
    if addon_numbers is None or package_numbers is None:
        shown = repr(addon_version[:_MAX_SHOWN])
        what = f"The game's addon reports {shown} as its version; this package contains version {package_version}."
        return AddonMismatch(what, where, _remedy(game, project))
    if addon_numbers == package_numbers:
        return None
    is_newer = addon_numbers > package_numbers
    what = (
        f"The game's addon is version {addon_version}, {'newer' if is_newer else 'older'} than this package, which "
        f"contains version {package_version}."
    )
    if is_newer:
        return AddonMismatch(what, where, "Update the package: pip install --upgrade godot-marl")
    return AddonMismatch(what, where, _remedy(game, project))


def log_mismatch(addon_version: str, game: Game) -> None:
    """Log a warning if the addon of a game has another version than this package."""
    mismatch = find_mismatch(addon_version, game)
    if mismatch is not None:
        logger.warning("%s", mismatch)


def _parse_version(version: str) -> tuple[int, ...] | None:
    """The numbers of a version without trailing zeros; None for a text that is not a version."""
    if not _VERSION.fullmatch(version):
        return None
    numbers = [int(part) for part in version.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _project_folder(game: Game) -> Path | None:
    """The project folder of a game; None if the game is not a project."""
    if game is None:
        return None
    path = Path(game).expanduser()
    folder = path.parent if path.name == "project.godot" else path
    return folder if (folder / "project.godot").is_file() else None


def _remedy(game: Game, project: Path | None) -> str:
    command = shlex.join(["godot-marl", "addon", "install", "PROJECT_FOLDER" if project is None else str(project)])
    if project is None and game is not None:
        return f"Update the addon of its project, and export the game again: {command}"
    return f"Update the addon: {command}"

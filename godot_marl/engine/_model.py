"""The words that the parts of this package share: what an engine is, how progress is told, what a provider does."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

MINIMUM_VERSION = (4, 5)
"""The oldest Godot that works: the bridge needs its `Logger`."""

MINIMUM_TEXT = "Godot {}.{} or newer".format(*MINIMUM_VERSION)

BY_HAND = (
    f"download the editor of {MINIMUM_TEXT} from godotengine.org, then put it on PATH as `godot`, or set the "
    "environment variable GODOT_MARL_ENGINE to its path"
)
"""How to get an engine where nothing installs one."""

Source: TypeAlias = Literal["option", "GODOT_MARL_ENGINE", "PATH", "installed"]

ProviderName: TypeAlias = Literal["auto", "debian", "official"]

# "4.6.3.stable.debian4.6.3+ds-2", "4.5.stable.official.876b29033", "4.5.beta1.mono.official". The word after the
# numbers is what sets it apart from the version of any other program.
_VERSION = re.compile(r"^(\d+)\.(\d+)(?:\.(\d+))?\.[a-z]\w*(?:\.\S*)?$")


def parse_version(text: str) -> tuple[int, int, int] | None:
    """Return major, minor and patch of a line that `godot --version` printed, or None if it is no such line."""
    found = _VERSION.match(text)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


@dataclass(frozen=True)
class Engine:
    """A Godot executable that was asked for its version and is new enough.

    Attributes:
        path: The executable, absolute.
        version: What it printed for `--version`, such as `4.6.3.stable.official.7d41c59c4`.
        source: Where it was found: `option`, `GODOT_MARL_ENGINE`, `PATH`, or `installed` (by godot-marl itself).
    """

    path: Path
    version: str
    source: Source

    @property
    def version_tuple(self) -> tuple[int, int, int]:
        """Major, minor and patch as numbers; the patch is 0 where the version leaves it out."""
        return parse_version(self.version) or (0, 0, 0)


@dataclass(frozen=True)
class Progress:
    """How far an installation is.

    Attributes:
        stage: What it is doing, in a few words.
        done: How many things of this stage are done.
        total: How many there are, or None if that is not known.
    """

    stage: str
    done: int = 0
    total: int | None = None


Report: TypeAlias = Callable[[Progress], None]


class Provider(Protocol):
    """One way to get Godot onto a machine."""

    @property
    def name(self) -> str:
        """What people call it, to be used within a sentence."""

    def reason_unavailable(self) -> str | None:
        """Return why it cannot work on this machine, or None if it can."""

    def install(self, folder: Path, report: Report) -> Path:
        """Put the engine into a folder.

        Args:
            folder: An empty folder, which will be renamed when everything is there: nothing inside may depend on its
                name, and nothing outside may be changed but the cache's folder of downloads.
            report: Told at every step.

        Returns:
            The executable, inside `folder`.

        Raises:
            EngineInstallError: It failed. The caller removes the folder.
            OSError: The folder could not be written.
        """

"""The types that the modules of this package share: engines, progress and providers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

MINIMUM_VERSION = (4, 5)
"""The oldest supported Godot: the bridge needs its `Logger`."""

MINIMUM_TEXT = "Godot {}.{} or newer".format(*MINIMUM_VERSION)

MANUAL_INSTALL = (
    f"download the editor of {MINIMUM_TEXT} from godotengine.org, then put it on PATH as `godot`, or set the "
    "environment variable GODOT_MARL_ENGINE to its path"
)
"""The remedy where no engine can be installed automatically."""

Source: TypeAlias = Literal["option", "GODOT_MARL_ENGINE", "PATH", "installed"]

ProviderName: TypeAlias = Literal["auto", "debian", "official"]

# "4.6.3.stable.debian4.6.3+ds-2", "4.5.stable.official.876b29033", "4.5.beta1.mono.official". The word after the
# numbers distinguishes it from the versions of other programs.
_VERSION = re.compile(r"^(\d+)\.(\d+)(?:\.(\d+))?\.[a-z]\w*(?:\.\S*)?$")


def parse_version(text: str) -> tuple[int, int, int] | None:
    """Return major, minor and patch of a line of `godot --version`, or None if the line is not a version."""
    match = _VERSION.match(text)
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else None


@dataclass(frozen=True)
class Engine:
    """A Godot executable whose version is supported.

    Attributes:
        path: The executable's absolute path.
        version: The output of `--version`, such as `4.6.3.stable.official.7d41c59c4`.
        source: Where it was found: `option`, `GODOT_MARL_ENGINE`, `PATH`, or `installed` (by godot-marl).
    """

    path: Path
    version: str
    source: Source

    @property
    def version_tuple(self) -> tuple[int, int, int]:
        """Major, minor and patch as numbers; the patch is 0 where the version has none."""
        return parse_version(self.version) or (0, 0, 0)


@dataclass(frozen=True)
class Progress:
    """The progress of an installation.

    Attributes:
        stage: The current stage, in a few words.
        done: Completed units of this stage.
        total: All units of this stage, or None if their number is unknown.
    """

    stage: str
    done: int = 0
    total: int | None = None


Report: TypeAlias = Callable[[Progress], None]


class Provider(Protocol):
    """A source of Godot."""

    @property
    def name(self) -> str:
        """The name for use within a sentence."""

    def reason_unavailable(self) -> str | None:
        """Return why this machine cannot use the provider, or None if it can."""

    def install(self, folder: Path, report: Report) -> Path:
        """Install the engine into a folder.

        Args:
            folder: An empty folder, which the caller renames afterwards: its content must not depend on its name. The
                provider may only change this folder and the cache's folder of downloads.
            report: Called with the progress.

        Returns:
            The executable's path, inside `folder`.

        Raises:
            EngineInstallError: The installation failed. The caller removes the folder.
            OSError: The folder is not writable.
        """

"""Saves rendered images, and reads those that a game saved."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from godot_marl.errors import GameError, InvalidOptionError, MissingDependencyError


def read_frame(path: Path) -> np.ndarray[Any, Any]:
    """Read an image: uint8 of shape (height, width, 3).

    Raises:
        MissingDependencyError: Pillow is not installed.
        GameError: There is no image.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise _pillow_error("Reading", "render_mode", error) from error
    try:
        with Image.open(path) as image:
            return np.array(image.convert("RGB"))
    except OSError as error:
        raise GameError(
            "The game did not save an image.",
            where=str(path),
            expected="an image file",
            got=str(error),
        ) from error


class FrameWriter:
    """Saves rendered frames as 0.png, 1.png, ... in a folder.

    Args:
        folder: The folder, created with the first frame; None saves nothing.
    """

    def __init__(self, folder: str | os.PathLike[str] | None) -> None:
        self._folder = None if folder is None else Path(folder)
        self._next = 0

    @classmethod
    def of_arenas(cls, folder: str | os.PathLike[str] | None, count: int) -> list[FrameWriter]:
        """Make one writer for each arena, which saves to the folders 0, 1, ... in `folder`."""
        return [cls(None if folder is None else Path(folder) / str(arena)) for arena in range(count)]

    @property
    def is_wanted(self) -> bool:
        """True if frames are saved."""
        return self._folder is not None

    def save(self, frame: np.ndarray[Any, Any]) -> None:
        """Save a frame: uint8 of shape (height, width, 3).

        Raises:
            MissingDependencyError: Pillow is not installed.
            InvalidOptionError: The folder cannot be written.
        """
        if self._folder is None:
            return
        try:
            from PIL import Image
        except ImportError as error:
            raise _pillow_error("Saving", "render_path", error) from error
        path = self._folder / f"{self._next}.png"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(frame).save(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                # Leave no half-written image.
                path.unlink(missing_ok=True)
            raise InvalidOptionError(
                "A frame could not be saved.",
                where=f"{path.name} in render_path={str(self._folder)!r}",
                expected="a folder that can be written, with room in it",
                got=str(error),
                remedy="Make room there or give another folder; the episode can go on.",
            ) from error
        self._next += 1


def _pillow_error(doing: str, where: str, error: ImportError) -> MissingDependencyError:
    return MissingDependencyError(
        f"{doing} frames needs a Python package that is not installed.",
        where=where,
        expected="Pillow",
        got=str(error),
        remedy="pip install godot-marl[render]",
    )

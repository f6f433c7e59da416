"""Files that can be read as those of models can, and hold a text."""

from __future__ import annotations

import zipfile
from pathlib import Path


def write_model(path: Path, text: str) -> None:
    """Write a file in the form of a model's."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("data", text)


def text_of(path: Path) -> str:
    """What was written into it."""
    with zipfile.ZipFile(path) as file:
        return file.read("data").decode()

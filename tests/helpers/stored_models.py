"""Reads the files of models that stable-baselines3 wrote, without loading them."""

from __future__ import annotations

import base64
import json
import zipfile
from pathlib import Path
from typing import Any


def entries(model: Path) -> dict[str, Any]:
    """What stable-baselines3 wrote of a model, beside its weights."""
    with zipfile.ZipFile(model) as file:
        data: dict[str, Any] = json.loads(file.read("data"))
        return data


def weights(model: Path) -> bytes:
    with zipfile.ZipFile(model) as file:
        return file.read("policy.pth")


def pickles(model: Path) -> bytes:
    """All that unpickling a model reads, one after another."""
    with zipfile.ZipFile(model) as file:
        files = [file.read(name) for name in file.namelist() if name.endswith(".pth")]
    values = [value for value in entries(model).values() if isinstance(value, dict)]
    return b"".join([*files, *(base64.b64decode(value[":serialized:"]) for value in values if ":serialized:" in value)])

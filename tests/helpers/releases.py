"""A small release of Godot, and how tests install it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from godot_marl.engine import Engine, Progress, _download, install_engine
from godot_marl.engine._official import OfficialProvider
from godot_marl.errors import EngineInstallError, GodotMarlError

VERSION = "4.6.1.stable.official.a"
GODOT = f"#!/bin/sh\necho {VERSION}\n"
RELEASE = "4.6.1-stable"
LINUX = f"Godot_v{RELEASE}_linux.x86_64.zip"
# Does not get smaller when it is compressed.
BALLAST = hashlib.shake_128(b"ballast").digest(2_500_000)


def provider(version: str = "4.6.1", **machine: str) -> OfficialProvider:
    return OfficialProvider(version, **({"system": "Linux", "machine": "x86_64"} | machine))


def install(told: list[Progress] | None = None, **options: Any) -> Engine:
    report = None if told is None else told.append
    return install_engine(report, **({"providers": [provider()]} | options))


def failure(kind: type[GodotMarlError] = EngineInstallError, **options: Any) -> GodotMarlError:
    with pytest.raises(kind) as caught:
        install(**options)
    return caught.value


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def install_from(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let this test install from a web server alone; returns the folder of the engine in its cache."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("GODOT_MARL_ENGINE", raising=False)
    monkeypatch.setenv("GODOT_MARL_ENGINE_URL", url)
    monkeypatch.setenv("GODOT_MARL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(_download, "_PAUSES", (0.0, 0.0))
    return tmp_path / "cache" / "engine"

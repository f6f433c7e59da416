"""The web server of releases, and a cache for what comes from it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from release_server import ReleaseServer, Site, zipped
from releases import BALLAST, GODOT, LINUX, RELEASE

from godot_marl.engine import _download


@pytest.fixture
def server() -> Iterator[ReleaseServer]:
    with ReleaseServer() as server:
        yield server


@pytest.fixture
def site(server: ReleaseServer) -> Site:
    server.site.publish(RELEASE, {LINUX: zipped({LINUX.removesuffix(".zip"): GODOT, "ballast": BALLAST})})
    return server.site


@pytest.fixture
def official_cache(server: ReleaseServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("GODOT_MARL_ENGINE", raising=False)
    monkeypatch.setenv("GODOT_MARL_ENGINE_URL", server.url)
    monkeypatch.setenv("GODOT_MARL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(_download, "_PAUSES", (0.0, 0.0))
    return tmp_path / "cache" / "engine"

"""The web server of releases, and a cache for what comes from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from release_server import ReleaseServer, Site, zipped
from releases import BALLAST, GODOT, LINUX, RELEASE, install_from


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
    return install_from(server.url, tmp_path, monkeypatch)

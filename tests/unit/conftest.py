"""Tests below this folder need no Godot."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def no_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hide the engine of this machine, so that a test that looks for one fails."""
    folder = tmp_path_factory.mktemp("no-engine")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GODOT_MARL_ENGINE", str(folder / "missing"))
        patch.setenv("GODOT_MARL_CACHE", str(folder / "cache"))
        yield

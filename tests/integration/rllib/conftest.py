"""One Ray cluster for all tests of RLlib."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import MARK, new_mark
from ray_cluster import RayCluster, run_cluster

from godot_marl.assets.cache import cache_dir
from godot_marl.engine import Engine


@pytest.fixture(scope="session")
def cluster(engine: Engine) -> Iterator[RayCluster]:
    mark = new_mark()
    # Short, because Ray puts sockets there.
    folder = Path(tempfile.mkdtemp(prefix="marl-"))
    (folder / "ray").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(MARK, mark)
        patch.setenv("GODOT_MARL_CACHE", str(cache_dir()))
        patch.setenv("HOME", str(folder))
        patch.setenv("TMPDIR", str(folder))
        patch.setattr(tempfile, "tempdir", str(folder))
        # Keeps Ray on the loopback address; it reads this when it is imported.
        patch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        yield from run_cluster(mark)
    shutil.rmtree(folder)

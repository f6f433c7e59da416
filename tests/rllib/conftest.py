"""A Ray cluster in one process: a head, and two nodes on which environment runners have a place."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from processes import MARK, becomes_true, marked, new_mark

from godot_marl.cache import cache_dir
from godot_marl.engine import Engine

NODES = 2
# What an environment runner needs, and what each of the two nodes has once.
PLACE = "place_for_a_runner"


@dataclass
class RayCluster:
    """The cluster, and the mark that all its processes and their games inherit."""

    address: str
    mark: str

    @property
    def games(self) -> list[int]:
        """The process ids of all Godots."""
        return marked(self.mark).get("game", [])

    def has_no_game(self) -> bool:
        """Whether all Godots and what belongs to them end in time."""
        return becomes_true(lambda: not {"game", "supervisor", "display"} & set(marked(self.mark)))


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


def run_cluster(mark: str) -> Iterator[RayCluster]:
    import ray
    from ray.cluster_utils import Cluster

    node: dict[str, Any] = {
        "num_cpus": 1,
        "object_store_memory": 80 * 2**20,
        "include_dashboard": False,
        "node_ip_address": "127.0.0.1",
    }
    cluster = Cluster(initialize_head=True, head_node_args=node)
    try:
        for _ in range(NODES):
            cluster.add_node(**node, resources={PLACE: 1})
        ray.init(address=cluster.address)
        assert cluster.address.startswith("127.0.0.1:")
        yield RayCluster(cluster.address, mark)
    finally:
        ray.shutdown()
        cluster.shutdown()
    left = becomes_true(lambda: not marked(mark), seconds=20.0)
    assert left, f"processes of the cluster are left: {marked(mark)}"

"""A Ray cluster in one process: a head, and two nodes on which environment runners have a place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from processes import becomes_true, marked

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

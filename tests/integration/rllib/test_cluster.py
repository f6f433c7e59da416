"""Training on a cluster: each runner on its node with a Godot of its own, and what happens when one is killed."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from processes import becomes_true, signal_all
from ray_cluster import NODES, PLACE, RayCluster

pytestmark = [pytest.mark.godot, pytest.mark.rllib, pytest.mark.timeout(600)]

POLICIES = {"chaser", "runner"}
# How long Ray and RLlib may take to notice and to start again.
PATIENCE = 200.0


@pytest.fixture(scope="module")
def algorithm(cluster: RayCluster) -> Iterator[Any]:
    import ray
    from ray.rllib.algorithms.ppo import PPOConfig

    from godot_marl import rllib
    from godot_marl.envs import tag_v0

    def count_steps(*, metrics_logger: Any, samples: list[Any], **_: Any) -> None:
        node = ray.get_runtime_context().get_node_id()
        metrics_logger.log_value(("steps_on_node", node), sum(len(part) for part in samples), reduce="sum")

    rllib.register("tag", tag_v0.parallel_env, max_cycles=50)
    algorithm = (
        PPOConfig()
        .environment("tag")
        .multi_agent(**rllib.multi_agent("tag"))
        .env_runners(num_env_runners=NODES, custom_resources_per_env_runner={PLACE: 1})
        .fault_tolerance(restart_failed_env_runners=True)
        .training(train_batch_size_per_learner=800, minibatch_size=200, num_epochs=1, lr=1e-3)
        .callbacks(on_sample_end=count_steps)
        .build_algo()
    )
    yield algorithm
    algorithm.stop()
    assert cluster.has_no_game()


@dataclass(frozen=True)
class Runner:
    """An environment runner, and its game."""

    pid: int
    node: str
    games: tuple[int, ...]


def runners_of(algorithm: Any, cluster: RayCluster) -> list[Runner]:
    def describe(_: Any) -> tuple[int, str]:
        import ray

        return os.getpid(), ray.get_runtime_context().get_node_id()

    described = algorithm.env_runner_group.foreach_env_runner(describe, local_env_runner=False)
    return [
        Runner(pid, node, tuple(game for game in cluster.games if descends_from(game, pid))) for pid, node in described
    ]


def stat(pid: int) -> list[str]:
    """The kernel's record of a process; its name, in parentheses, may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def descends_from(pid: int, ancestor: int) -> bool:
    while pid > 1 and pid != ancestor:
        pid = int(stat(pid)[1])
    return pid == ancestor


def cpu_ticks(pid: int) -> int:
    return int(stat(pid)[11])


def port_of(game: int) -> int:
    environment = Path(f"/proc/{game}/environ").read_text().split("\0")
    url = next(entry for entry in environment if entry.startswith("GODOT_MARL_URL="))
    return int(url.rpartition(":")[2].rstrip("/"))


def weights(algorithm: Any, policy: str) -> np.ndarray[Any, Any]:
    state = algorithm.get_module(policy).get_state()
    return np.concatenate([np.asarray(value).ravel() for _, value in sorted(state.items())])


def test_each_runner_has_its_node_and_a_game_of_its_own(algorithm: Any, cluster: RayCluster) -> None:
    runners = runners_of(algorithm, cluster)
    assert len({runner.node for runner in runners}) == NODES
    assert [len(runner.games) for runner in runners] == [1] * NODES
    # None in this process: RLlib's local runner has no environment.
    assert len(cluster.games) == NODES
    assert len({port_of(game) for game in cluster.games}) == NODES


def test_both_policies_learn_from_the_games_of_both_nodes(algorithm: Any, cluster: RayCluster) -> None:
    before = {policy: weights(algorithm, policy) for policy in POLICIES}
    results = algorithm.train()
    steps = results["env_runners"]["steps_on_node"]
    assert set(steps) == {runner.node for runner in runners_of(algorithm, cluster)}
    assert all(count >= 400 for count in steps.values())
    for policy in POLICIES:
        assert np.isfinite(results["learners"][policy]["total_loss"])
        assert np.abs(weights(algorithm, policy) - before[policy]).max() > 1e-4


def test_training_goes_on_when_a_runner_is_killed(algorithm: Any, cluster: RayCluster) -> None:
    victim, other = runners_of(algorithm, cluster)
    (game,) = victim.games
    idle = cpu_ticks(game)
    results: list[Any] = []
    training = threading.Thread(target=lambda: results.append(algorithm.train()))
    training.start()
    assert becomes_true(lambda: cpu_ticks(game) > idle + 2, PATIENCE)
    signal_all([victim.pid], signal.SIGKILL)
    assert becomes_true(lambda: game not in cluster.games)
    training.join(PATIENCE)
    assert len(results) == 1

    def both_are_there() -> bool:
        results.append(algorithm.train())
        return len(runners_of(algorithm, cluster)) == NODES

    assert becomes_true(both_are_there, PATIENCE)
    before = {policy: weights(algorithm, policy) for policy in POLICIES}
    results.append(algorithm.train())
    assert all(np.any(weights(algorithm, policy) != before[policy]) for policy in POLICIES)
    lifetimes = [result["env_runners"]["num_env_steps_sampled_lifetime"] for result in results]
    assert lifetimes == sorted(set(lifetimes))
    assert results[-1]["env_runners"]["steps_on_node"][victim.node] >= 400
    runners = runners_of(algorithm, cluster)
    assert {runner.node for runner in runners} == {victim.node, other.node}
    assert victim.pid not in {runner.pid for runner in runners}
    assert other.pid in {runner.pid for runner in runners}
    assert [len(runner.games) for runner in runners] == [1] * NODES
    assert len(cluster.games) == NODES

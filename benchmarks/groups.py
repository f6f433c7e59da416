"""Compare one node for all agents with a node for each agent, on the carts of the benchmark, in one run.

python benchmarks/groups.py [AGENTS ...]
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import click
import numpy as np

import godot_marl
from godot_marl.bench.project import BenchProject, set_root_properties
from godot_marl.engine import find_engine
from godot_marl_benchmarks.scenes import add_scenes

ROUNDS = 7
STEPS = 300


def vector(env: Any, steps: int) -> float:
    """Microseconds a step of the vector form."""
    actions = [env.action_space.sample() for _ in range(16)]
    begin = time.perf_counter()
    for step in range(steps):
        env.step(actions[step % 16])
    return (time.perf_counter() - begin) / steps * 1e6


def parallel(env: Any, steps: int) -> float:
    """Microseconds a step of the parallel form, resets included."""
    generator = np.random.default_rng(1)
    names = env.possible_agents
    rows = generator.integers(2, size=(16, len(names))).tolist()
    actions = [dict(zip(names, row, strict=True)) for row in rows]
    spent = 0.0
    for step in range(steps):
        chosen = actions[step % 16]
        if len(env.agents) < len(names):
            chosen = {name: chosen[name] for name in env.agents or names}
        begin = time.perf_counter()
        if not env.agents:
            env.reset()
        env.step(chosen)
        spent += time.perf_counter() - begin
    return spent / steps * 1e6


def measure(project: BenchProject, agents: int, falls: bool) -> None:
    """Print the step times of both kinds of scene with so many agents."""
    forms: dict[str, tuple[Callable[..., Any], Callable[[Any, int], float]]] = {
        "vector_env": (godot_marl.vector_env, vector),
        "parallel_env": (godot_marl.parallel_env, parallel),
    }
    properties = [f"agents = {agents}", f"falls = {str(falls).lower()}"]
    for kind, file in (("nodes", "carts.tscn"), ("group", "cart_group.tscn")):
        text = (project.folder / file).read_text(encoding="utf-8")
        (project.folder / f"{kind}.tscn").write_text(set_root_properties(text, properties), encoding="utf-8")
    for form, (make, run) in forms.items():
        envs = {kind: make(project.folder, scene=f"{kind}.tscn") for kind in ("nodes", "group")}
        for env in envs.values():
            env.reset(seed=1)
            run(env, STEPS)
        timings: dict[str, list[float]] = {kind: [] for kind in envs}
        for _ in range(ROUNDS):
            for kind, env in envs.items():
                timings[kind].append(run(env, STEPS))
        for env in envs.values():
            env.close()
        nodes, group = (statistics.median(timings[kind]) for kind in ("nodes", "group"))
        ratio = statistics.median(a / b for a, b in zip(timings["nodes"], timings["group"], strict=True))
        what = "as they fall" if falls else "all acting"
        times = f"{nodes:.0f} us a step as nodes, {group:.0f} us as one node"
        click.echo(f"{form}, {agents} agents, {what}: {times}, {ratio:.2f} times as fast")


def main() -> None:
    """Measure."""
    with BenchProject(find_engine()) as project:
        add_scenes(project)
        project.import_scenes()
        for agents in [int(word) for word in sys.argv[1:]] or [256]:
            for falls in (False, True):
                measure(project, agents, falls)


if __name__ == "__main__":
    main()

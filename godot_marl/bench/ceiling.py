"""The ceiling: the same scene, driven inside Godot by a loop that calls the same methods, with no Python at all."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

from godot_marl.bench.cases import World
from godot_marl.bench.figures import Figures
from godot_marl.bench.project import BenchProject
from godot_marl.errors import GameExitedError
from godot_marl.output import last_words
from godot_marl.process import GameProcess

# How much longer than its measurement a game may take: it starts and ends in it.
_PATIENCE = 60.0


def measure_ceiling(project: BenchProject, world: World, seconds: float) -> Figures:
    """Run the scene without Python, in as many games at a time as there are workers.

    Args:
        project: The project, with the scenes of this world written.
        world: What to measure.
        seconds: How long the scene measures.

    Raises:
        GameExitedError: A game did not end in time, or ended without figures.
    """
    command = [str(project.engine.path), "--headless", "--fixed-fps", "60", "--path", str(project.folder)]
    command += ["--scene", f"res://{world.ceiling_scene}"]
    deadline = time.monotonic() + seconds + _PATIENCE
    with contextlib.ExitStack() as games:
        processes = []
        for _ in range(world.workers):
            process = GameProcess(command)
            games.callback(process.close, 0.0)
            processes.append(process)
        results = [_figures_of(process, deadline) for process in processes]
    return Figures(
        steps=min(figures.steps for figures in results),
        agent_steps=sum(figures.agent_steps for figures in results),
        seconds=max(figures.seconds for figures in results),
        durations=results[0].durations,
    )


def read_figures(output: str) -> Figures | None:
    """The figures that a game printed, or None."""
    for line in reversed(output.splitlines()):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            members: dict[str, Any] = json.loads(line)
            return Figures(
                steps=int(members["steps"]),
                agent_steps=int(members["agent_steps"]),
                seconds=float(members["seconds"]),
                durations=[float(duration) / 1e6 for duration in members["durations_us"]],
            )
    return None


def _figures_of(process: GameProcess, deadline: float) -> Figures:
    has_ended = process.wait(deadline - time.monotonic())
    output = process.whole_output()
    figures = read_figures(output)
    if figures is None:
        raise GameExitedError(
            "The ceiling's game printed no figures.",
            where=process.command[-1],
            expected="a line of JSON, and exit status 0",
            got=f"exit status {process.exit_status}; {last_words(output)}" if has_ended else "no end in time",
        )
    return figures

"""The ceiling: the same scene without Python, stepped by a loop in GDScript that calls the same methods."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

from godot_marl.bench.cases import World
from godot_marl.bench.project import BenchProject
from godot_marl.bench.timing import Timing
from godot_marl.errors import GameExitedError
from godot_marl.game.log_parser import tail_for_message
from godot_marl.game.process import GameProcess

# Seconds that a game may take beside its measurement, to start and to end.
_MARGIN = 60.0


def measure_ceiling(project: BenchProject, world: World, seconds: float) -> Timing:
    """Run the scene without Python, in one process for each worker, all at the same time.

    Args:
        project: The project, with the scenes of this world written.
        world: What to measure.
        seconds: How long the scene measures.

    Raises:
        GameExitedError: A game did not end in time, or printed no timing.
    """
    command = [str(project.engine.path), "--headless", "--fixed-fps", "60", "--path", str(project.folder)]
    command += ["--scene", f"res://{world.ceiling_scene}"]
    deadline = time.monotonic() + seconds + _MARGIN
    with contextlib.ExitStack() as games:
        processes = []
        for _ in range(world.workers):
            process = GameProcess(command)
            games.callback(process.close, 0.0)
            processes.append(process)
        results = [_timing_of(process, deadline) for process in processes]
    return Timing(
        steps=min(timing.steps for timing in results),
        agent_steps=sum(timing.agent_steps for timing in results),
        seconds=max(timing.seconds for timing in results),
        durations=results[0].durations,
    )


def read_timing(output: str) -> Timing | None:
    """The timing that a game printed; None if there is none."""
    for line in reversed(output.splitlines()):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            members: dict[str, Any] = json.loads(line)
            return Timing(
                steps=int(members["steps"]),
                agent_steps=int(members["agent_steps"]),
                seconds=float(members["seconds"]),
                durations=[float(duration) / 1e6 for duration in members["durations_us"]],
            )
    return None


def _timing_of(process: GameProcess, deadline: float) -> Timing:
    has_ended = process.wait(deadline - time.monotonic())
    output = process.all_output()
    timing = read_timing(output)
    if timing is None:
        raise GameExitedError(
            "The game of the ceiling printed no timing.",
            where=process.command[-1],
            expected="a line of JSON, and exit status 0",
            got=f"exit status {process.exit_status}; {tail_for_message(output)}"
            if has_ended
            else "still running at the deadline",
        )
    return timing

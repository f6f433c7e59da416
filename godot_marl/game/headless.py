"""Runs the engine on a project without a window, until it exits."""

from __future__ import annotations

import time
from pathlib import Path

from godot_marl.engine import Engine
from godot_marl.game.process import GameProcess

# Seconds between two reads of the output: each read keeps the log file from filling the disk.
_READ_INTERVAL = 0.1


def run_headless(engine: Engine, project: Path, *arguments: str, timeout: float) -> tuple[str, int | None]:
    """Run Godot headless until it exits. Like a game, it ends with this Python process.

    Args:
        engine: The engine.
        project: The project's folder.
        arguments: Further arguments for the engine, such as `--import`.
        timeout: Seconds after which the engine is killed.

    Returns:
        The output, at most 4 MiB (only the end of an output over 64 MiB), and the exit status.

    Raises:
        GameError: The engine could not be started.
        TimeoutError: The engine was killed; the message is the end of its output.
    """
    process = GameProcess([str(engine.path), "--headless", "--path", str(project), *arguments])
    try:
        deadline = time.monotonic() + timeout
        while not process.wait(min(_READ_INTERVAL, deadline - time.monotonic())):
            if time.monotonic() >= deadline:
                raise TimeoutError(process.output())
            process.read_new_output()
        return process.all_output(), process.exit_status
    finally:
        process.close(0.0)

"""Run the engine on a project to its end, without a window."""

from __future__ import annotations

import time
from pathlib import Path

from godot_marl.engine import Engine
from godot_marl.process import GameProcess

# So often is the file with what it prints kept from filling the disk.
_SLICE = 0.1


def run_headless(engine: Engine, project: Path, *arguments: str, timeout: float) -> tuple[str, int | None]:
    """What Godot prints, at most 4 MiB of it (only the end, if it is very much), and its exit status.

    It ends with this Python, as a game does.

    Args:
        engine: The engine.
        project: The project's folder.
        arguments: What it shall do there, such as `--import`.
        timeout: Seconds after which it is killed.

    Raises:
        GameError: It could not be started.
        TimeoutError: It was killed; the message is what it printed last.
    """
    process = GameProcess([str(engine.path), "--headless", "--path", str(project), *arguments])
    try:
        deadline = time.monotonic() + timeout
        while not process.wait(min(_SLICE, deadline - time.monotonic())):
            if time.monotonic() >= deadline:
                raise TimeoutError(process.output())
            process.fresh_output()
        return process.whole_output(), process.exit_status
    finally:
        process.close(0.0)

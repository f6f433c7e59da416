"""Run the engine on a project to its end, without a window."""

from __future__ import annotations

from pathlib import Path

from godot_marl.engine import Engine
from godot_marl.process import GameProcess


def run_headless(engine: Engine, project: Path, *arguments: str, timeout: float) -> tuple[str, int | None]:
    """What Godot prints, at most 4 MiB of it, and its exit status.

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
        if not process.wait(timeout):
            raise TimeoutError(process.output())
        return process.whole_output(), process.exit_status
    finally:
        process.close(0.0)

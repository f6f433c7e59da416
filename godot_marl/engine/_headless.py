"""Run the engine on a project to its end, without a window."""

from __future__ import annotations

import subprocess
from pathlib import Path

from godot_marl.engine._model import Engine


def run_headless(engine: Engine, project: Path, *arguments: str, timeout: float) -> tuple[str, int]:
    """What Godot prints, and its exit status.

    Args:
        engine: The engine.
        project: The project's folder.
        arguments: What it shall do there, such as `--import`.
        timeout: Seconds after which it is killed.

    Raises:
        subprocess.TimeoutExpired: It was killed.
    """
    done = subprocess.run(  # noqa: S603 - the engine, with arguments of ours
        [str(engine.path), "--headless", "--path", str(project), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout,
        text=True,
        errors="replace",
        check=False,
    )
    return done.stdout, done.returncode

"""Games as a person starts them, while Python waits."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

from godot_marl.engine import Engine


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


class ByHand:
    """Starts Godot as a person would: without Python's address in the environment."""

    def __init__(self, engine: Engine, project: Path) -> None:
        self._command = [str(engine.path), "--headless", "--fixed-fps", "60", "--path", str(project)]
        self._games: list[subprocess.Popen[str]] = []

    def __call__(self, scene: str, *arguments: str, port: int = 1, **more: str) -> subprocess.Popen[str]:
        """Start a scene; its bridge finds `port` in ADDRESS. `more` is added to the environment."""
        environment = {key: text for key, text in os.environ.items() if not key.startswith("GODOT_MARL_")}
        game = subprocess.Popen(
            [*self._command, "--scene", f"res://{scene}.tscn", *arguments],
            env=environment | {"ADDRESS": f"ws://127.0.0.1:{port}"} | more,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._games.append(game)
        return game

    def end(self) -> None:
        for game in self._games:
            game.kill()
            game.communicate()

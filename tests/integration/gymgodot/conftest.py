"""How these tests make an environment of a scene of their project."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import pytest
import torch
from godot3 import SPACES, MakeServer, command

import godot_marl


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MakeServer]:
    """Make a `server-v0` of a test scene; it is closed when the test ends."""
    made: list[gymnasium.Env[Any, Any]] = []

    def make_one(scene: str, *, window: bool = False, **options: Any) -> gymnasium.Env[Any, Any]:
        given = {
            "exeCmd": command(scene, window=window),
            "serverPort": 0,
            "renderPath": str(tmp_path / "frames"),
            **SPACES[scene],
        }
        made.append(gymnasium.make(f"{godot_marl.__name__}/server-v0", **{**given, **options}))
        return made[-1]

    yield make_one
    for env in made:
        env.close()


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Threads that wait for each other are slow where other tests run beside."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)

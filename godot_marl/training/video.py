"""Records videos of episodes."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from godot_marl.core.arena import Arena
from godot_marl.errors import MissingDependencyError
from godot_marl.training.episodes import play
from godot_marl.training.players import Players


def record_episode(arena: Arena, players: Players, seed: int, path: Path) -> Path:
    """Record a video of an episode, and return its path.

    Args:
        arena: The arena, with `render_mode="rgb_array"`.
        players: The player of each agent.
        seed: The episode's seed.
        path: The video's file, with the suffix .mp4.

    Raises:
        MissingDependencyError: A package that writes videos is not installed.
    """
    imageio = _imageio()
    path.parent.mkdir(parents=True, exist_ok=True)
    # The default macro block of 16 would scale the images; 2 keeps every even size.
    writer: Any = imageio.get_writer(path, fps=arena.render_fps, macro_block_size=2)
    with writer as video:
        for _ in play(arena, players, seed):
            video.append_data(arena.render())
    return path


def _imageio() -> Any:
    try:
        # Without imageio_ffmpeg, imageio's error does not say what is missing.
        importlib.import_module("imageio_ffmpeg")
        return importlib.import_module("imageio.v2")
    except ImportError as error:
        raise MissingDependencyError.of_extra("A video", "sb3", error) from error

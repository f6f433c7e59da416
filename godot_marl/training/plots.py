"""The learning curve of a training, and videos of what was learned."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from godot_marl.arena import Arena
from godot_marl.errors import MissingDependencyError
from godot_marl.training.episodes import play
from godot_marl.training.players import Cast
from godot_marl.training.run import Run

_COLORS = ("#2b406a", "#f26645", "#dba33a", "#478cbf", "#6a8f4f", "#8a5a83")
# A side that is called like a color has it.
_NAMED = {"blue": "#2b406a", "red": "#f26645", "yellow": "#dba33a", "green": "#6a8f4f"}


def draw_learning_curve(run: Run) -> Path:
    """Draw the return of each side's episodes against the steps, and return the picture's path."""
    path = run.folder / "learning_curve.png"
    episodes = run.episodes()
    sides = list(episodes[0])[2:] if episodes else []
    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    axes = figure.subplots()
    for i, side in enumerate(sides):
        color = _NAMED.get(side, _COLORS[i % len(_COLORS)])
        pairs = [(int(row["steps"]), float(row[side])) for row in episodes if row[side] != ""]
        if not pairs:
            continue
        steps, returns = np.array(pairs).T
        axes.plot(steps, returns, ".", markersize=2, alpha=0.2, color=color)
        window = max(1, min(100, len(returns) // 10))
        mean = np.convolve(returns, np.ones(window) / window, mode="valid")
        axes.plot(steps[window - 1 :], mean, color=color, label=f"{side}, mean of {window} episodes")
    axes.set(
        xlabel="environment steps", ylabel="return of an episode", title=f"PPO, {Path(run.scene or run.game).stem}"
    )
    axes.grid(alpha=0.25)
    if sides:
        axes.legend(loc="lower right")
    figure.savefig(path)
    return path


def record_episode(arena: Arena, cast: Cast, seed: int, path: Path) -> Path:
    """Record a video of an episode, and return its path.

    Args:
        arena: The arena, with `render_mode="rgb_array"`.
        cast: Who plays.
        seed: The episode's seed.
        path: The video's file, with the ending .mp4.

    Raises:
        MissingDependencyError: Something that draws or writes a video is not installed.
    """
    imageio = _imageio()
    path.parent.mkdir(parents=True, exist_ok=True)
    # A macro block of 2 keeps every even size as it is; the default of 16 would scale the frames.
    writer: Any = imageio.get_writer(path, fps=arena.render_fps, macro_block_size=2)
    with writer as video:
        for _ in play(arena, cast, seed):
            video.append_data(arena.render())
    return path


def _imageio() -> Any:
    try:
        # Without it imageio says only that it knows no such file.
        importlib.import_module("imageio_ffmpeg")
        return importlib.import_module("imageio.v2")
    except ImportError as error:
        raise MissingDependencyError.of_extra("A video", "sb3", error) from error

"""Draws the learning curve of a training run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from godot_marl.training.run_directory import RunDirectory

_COLORS = ("#2b406a", "#f26645", "#dba33a", "#478cbf", "#6a8f4f", "#8a5a83")
# For sides that have a color as their name.
_COLORS_BY_NAME = {"blue": "#2b406a", "red": "#f26645", "yellow": "#dba33a", "green": "#6a8f4f"}


def draw_learning_curve(run: RunDirectory) -> Path:
    """Plot the return of each side's episodes over the environment steps, and return the image's path."""
    path = run.folder / "learning_curve.png"
    episodes = run.episodes()
    sides = list(episodes[0])[2:] if episodes else []
    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    axes = figure.subplots()
    for i, side in enumerate(sides):
        color = _COLORS_BY_NAME.get(side, _COLORS[i % len(_COLORS)])
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

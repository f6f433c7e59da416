"""Selects the best checkpoint of a training run for each policy: the last one need not be the best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from godot_marl.training.run_directory import steps_of

EPISODES = 50
"""Episodes in the first round of the selection, for each checkpoint."""

MORE_EPISODES = 150
"""Additional episodes in the second round, for each of the best quarter."""

Judge = Callable[[Path, Sequence[int]], np.ndarray[Any, Any]]
"""Plays an episode for each seed with a checkpoint's policy; gives the returns, float64 of shape (episodes,)."""


@dataclass(frozen=True)
class SelectedCheckpoint:
    """The checkpoint that was selected for a policy.

    Attributes:
        checkpoint: The checkpoint's folder.
        mean: The mean return that decided the selection. As the maximum of several means it is biased upwards, so
            measure the policy's quality by other episodes.
        episodes: Number of episodes of the mean.
    """

    checkpoint: Path
    mean: float
    episodes: int

    @property
    def steps(self) -> int:
        """Environment steps of the training run at this checkpoint."""
        return steps_of(self.checkpoint)


def spread(checkpoints: Sequence[Path], count: int) -> list[Path]:
    """Return `count` evenly spread checkpoints, including the last; all where there are fewer."""
    if len(checkpoints) <= count:
        return list(checkpoints)
    return [checkpoints[round((i + 1) * len(checkpoints) / count) - 1] for i in range(count)]


def choose(checkpoints: Sequence[Path], judge: Judge, seed: int) -> SelectedCheckpoint:
    """Return the checkpoint with the highest mean return; of equal ones the last.

    Each checkpoint plays the same `EPISODES`, and the best quarter `MORE_EPISODES` more, because the best of many
    checkpoints in a few episodes is often a lucky one.

    Args:
        checkpoints: The candidates, oldest first.
        judge: Plays the episodes.
        seed: The first episode's seed; the others follow it.
    """
    first_seeds = range(seed, seed + EPISODES)
    more_seeds = range(seed + EPISODES, seed + EPISODES + MORE_EPISODES)
    returns = {checkpoint: judge(checkpoint, first_seeds) for checkpoint in reversed(checkpoints)}
    finalists = sorted(returns, key=lambda checkpoint: -returns[checkpoint].mean())[: -(-len(returns) // 4)]
    if len(finalists) > 1:
        for checkpoint in finalists:
            returns[checkpoint] = np.concatenate([returns[checkpoint], judge(checkpoint, more_seeds)])
    best = max(finalists, key=lambda checkpoint: (returns[checkpoint].mean(), steps_of(checkpoint)))
    return SelectedCheckpoint(best, float(returns[best].mean()), len(returns[best]))


def episodes_of(checkpoints: int) -> int:
    """Return the number of episodes that `choose` plays for a number of checkpoints."""
    finalists = -(-checkpoints // 4)
    return checkpoints * EPISODES + (finalists * MORE_EPISODES if finalists > 1 else 0)

"""Which checkpoint of a training is the best for each policy: the last one need not be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from godot_marl.training.run import steps_of

EPISODES = 50
"""Episodes by which each checkpoint is judged at first."""

MORE_EPISODES = 150
"""Episodes by which the best quarter of them is judged, too."""

Judge = Callable[[Path, Sequence[int]], np.ndarray[Any, Any]]
"""Plays an episode for each seed with a policy of a checkpoint, and returns what it earned: shape (episodes,)."""


@dataclass(frozen=True)
class Choice:
    """The checkpoint that was chosen for a policy.

    Attributes:
        checkpoint: Its folder.
        mean: The mean return by which it was chosen. It is the best of several, and so a little too high: how good the
            policy is, other episodes must say.
        episodes: Of how many episodes.
    """

    checkpoint: Path
    mean: float
    episodes: int

    @property
    def steps(self) -> int:
        """How many environment steps the training had made."""
        return steps_of(self.checkpoint)


def spread(checkpoints: Sequence[Path], count: int) -> list[Path]:
    """So many of the checkpoints, evenly spread, the last one among them; all if there are no more."""
    if len(checkpoints) <= count:
        return list(checkpoints)
    return [checkpoints[round((i + 1) * len(checkpoints) / count) - 1] for i in range(count)]


def choose(checkpoints: Sequence[Path], judge: Judge, seed: int) -> Choice:
    """The checkpoint whose episodes have the highest mean return; of equal ones the last.

    All are judged by the same `EPISODES`, and the best quarter of them by `MORE_EPISODES` in addition, since what is
    best of many in a few episodes was often lucky.

    Args:
        checkpoints: Whom to judge, oldest first.
        judge: Plays the episodes.
        seed: The first episode's seed.
    """
    first = range(seed, seed + EPISODES)
    more = range(seed + EPISODES, seed + EPISODES + MORE_EPISODES)
    returns = {checkpoint: judge(checkpoint, first) for checkpoint in reversed(checkpoints)}
    finalists = sorted(returns, key=lambda checkpoint: -returns[checkpoint].mean())[: -(-len(returns) // 4)]
    if len(finalists) > 1:
        for checkpoint in finalists:
            returns[checkpoint] = np.concatenate([returns[checkpoint], judge(checkpoint, more)])
    best = max(finalists, key=lambda checkpoint: (returns[checkpoint].mean(), steps_of(checkpoint)))
    return Choice(best, float(returns[best].mean()), len(returns[best]))


def episodes_of(checkpoints: int) -> int:
    """How many episodes `choose` plays for so many checkpoints."""
    finalists = -(-checkpoints // 4)
    return checkpoints * EPISODES + (finalists * MORE_EPISODES if finalists > 1 else 0)

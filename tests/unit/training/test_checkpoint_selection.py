"""Which checkpoint is the best."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from godot_marl.training.checkpoint_selection import EPISODES, MORE_EPISODES, choose, episodes_of, spread


def checkpoints(count: int) -> list[Path]:
    return [Path(f"checkpoints/{1000 * (i + 1):09d}") for i in range(count)]


class Games:
    """Episodes whose returns depend on the checkpoint and, if it is lucky, on their seed."""

    def __init__(self, means: dict[Path, float], lucky: Path | None = None) -> None:
        self.means = means
        self.lucky = lucky
        self.played: dict[Path, list[int]] = {}

    def judge(self, checkpoint: Path, seeds: Sequence[int]) -> np.ndarray[Any, Any]:
        known = self.played.setdefault(checkpoint, [])
        assert not set(known).intersection(seeds)
        known.extend(seeds)
        luck = 10.0 if checkpoint == self.lucky and seeds[0] == 7 else 0.0
        return np.full(len(seeds), self.means[checkpoint] + luck)


def test_the_best_of_all_is_chosen_and_the_best_quarter_plays_on() -> None:
    every = checkpoints(12)
    games = Games({checkpoint: float(i % 7) for i, checkpoint in enumerate(every)})
    choice = choose(every, games.judge, 7)
    assert (choice.checkpoint, choice.steps) == (every[6], 7000)
    assert (choice.mean, choice.episodes) == (6.0, EPISODES + MORE_EPISODES)
    lengths = {checkpoint: len(seeds) for checkpoint, seeds in games.played.items()}
    # Returns 6, 5 and, of the two with 4, that of the later one.
    assert {c for c, length in lengths.items() if length > EPISODES} == {every[6], every[5], every[11]}
    assert sorted(lengths.values()) == [EPISODES] * 9 + [EPISODES + MORE_EPISODES] * 3
    assert sum(lengths.values()) == episodes_of(12)


def test_a_checkpoint_that_was_lucky_in_a_few_episodes_is_not_chosen() -> None:
    every = checkpoints(8)
    games = Games({checkpoint: float(i) for i, checkpoint in enumerate(every)}, lucky=every[3])
    # 10 more in 50 of 200 episodes are 2.5: not enough.
    assert choose(every, games.judge, 7).checkpoint == every[7]


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_of_equal_checkpoints_the_last_is_chosen(count: int) -> None:
    every = checkpoints(count)
    games = Games(dict.fromkeys(every, 1.0))
    assert choose(every, games.judge, 7).checkpoint == every[-1]
    assert sum(map(len, games.played.values())) == episodes_of(count)


@given(st.integers(1, 200), st.integers(1, 60))
def test_the_chosen_are_spread_evenly_with_the_last_one_among_them(there: int, count: int) -> None:
    every = checkpoints(there)
    some = spread(every, count)
    assert len(some) == min(there, count)
    assert some == sorted(set(some))
    assert some[-1] == every[-1]
    gaps = np.diff([-1, *(every.index(checkpoint) for checkpoint in some)])
    assert gaps.max() - gaps.min() <= 1

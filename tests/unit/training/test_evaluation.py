"""The interval of a difference, and the table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from godot_marl.training.evaluation import Comparison, difference_interval, save, table

BETTER = Comparison("red", "random", 200, 0.5, -0.25, 0.5, 1.0)
NOT_BETTER = Comparison("blue", "earlier self", 200, 0.0, 0.1, -0.3, 0.1)


@pytest.mark.parametrize("difference", [0.0, 0.3])
def test_the_interval_holds_the_difference_as_often_as_it_says(difference: float) -> None:
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(4000):
        low, high = difference_interval(rng.normal(difference, 2.0, 200), rng.normal(0.0, 0.5, 200))
        held += low <= difference <= high
    assert 0.94 < held / 4000 < 0.96


def test_two_constants_differ_by_their_difference() -> None:
    assert difference_interval(np.full(3, 2.0), np.full(3, 0.5)) == (1.5, 1.5)


def test_better_means_that_the_whole_interval_is_above_zero() -> None:
    assert BETTER.is_better
    assert BETTER.difference == 0.75
    assert not NOT_BETTER.is_better


def test_table() -> None:
    assert table([BETTER, NOT_BETTER]).splitlines() == [
        "side  against       return  in its place  difference  95 % interval",
        "red   random        0.500   -0.250        +0.750      [+0.500, +1.000]",
        "blue  earlier self  0.000   0.100         -0.100      [-0.300, +0.100]",
    ]


@pytest.mark.parametrize(("episodes", "warns"), [(2, True), (29, True), (30, False), (200, False)])
def test_intervals_of_few_episodes_are_warned_of(episodes: int, warns: bool) -> None:
    *_, last = table([BETTER, Comparison("red", "scripted", episodes, 0.5, 0.0, 0.25, 0.75)]).splitlines()
    warning = f"The intervals are too narrow: {episodes} episodes are few, 30 or more are enough."
    assert (last == warning) is warns


def test_a_table_of_nothing_is_its_head() -> None:
    assert table([]).startswith("side")
    assert len(table([]).splitlines()) == 1


def test_saved(tmp_path: Path) -> None:
    steps = {"blue": {"keeper": 20, "player": 30}, "red": {"player": 10}}
    save([BETTER], tmp_path / "evaluation.json", seed=9, steps=steps)
    (row,) = json.loads((tmp_path / "evaluation.json").read_text())
    assert row["side"] == "red"
    assert row["is_better"] is True
    assert row["difference"] == 0.75
    assert (row["seed"], row["steps"]) == (9, {"player": 10})

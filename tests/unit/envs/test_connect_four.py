"""The scripted player of Connect Four against a small model of the game."""

from __future__ import annotations

import numpy as np
import pytest
from connect_four_model import position, random_game

from godot_marl.envs import connect_four_v0

scripted = connect_four_v0.SCRIPTED["player"]


def scripted_choices(moves: list[int]) -> set[int]:
    """All that the scripted player does after these moves, with many seeds."""
    model = position(moves)
    view = model.view(model.turn).ravel()
    mask = np.array([height < 6 for height in model.heights], np.int8)
    choices = {scripted(view, mask, np.random.default_rng(seed)) for seed in range(200)}
    without_mask = {scripted(view, None, np.random.default_rng(seed)) for seed in range(200)}
    assert choices == without_mask
    return choices


@pytest.mark.parametrize(
    ("moves", "choices"),
    [
        ([0, 6, 0, 6, 0, 6], {0}),  # both threaten: it wins rather than blocks
        ([0, 6, 0, 6, 0], {0}),  # it blocks
        ([0, 0, 1, 1, 3, 3], {2}),  # it fills the gap
        ([0, 1, 1, 2, 2, 3, 2, 3, 3, 5], {3}),  # a diagonal
        ([3] * 6, {0, 1, 2, 4, 5, 6}),  # the middle is full
        ([], {0, 1, 2, 3, 4, 5, 6}),
    ],
)
def test_the_moves_of_the_scripted_player(moves: list[int], choices: set[int]) -> None:
    assert scripted_choices(moves) == choices


def test_the_scripted_player_gives_no_win_away() -> None:
    # Player 1 has three side by side in the second row. Columns 1 and 5 are empty, and no win as long as they are.
    moves = [1, 1, 2, 2, 5, 3, 6, 3]
    assert {column for column in range(7) if position(moves).gives_away(column)} == {0, 4}
    assert scripted_choices(moves) == {1, 2, 3, 5, 6}


def test_the_scripted_player_agrees_with_the_model_everywhere() -> None:
    rng = np.random.default_rng(6)
    reasons = []
    for _ in range(300):
        moves = random_game(rng).moves
        model = position(moves[: int(rng.integers(len(moves)))])
        columns = model.open_columns()
        options = {
            "wins": {column for column in columns if model.completes(model.turn, column)},
            "blocks": {column for column in columns if model.completes(1 - model.turn, column)},
            "gives nothing away": {column for column in columns if not model.gives_away(column)},
            "has no choice": set(columns),
        }
        reasons.append(next(reason for reason, choices in options.items() if choices))
        assert scripted(model.view(model.turn).ravel(), None, rng) in options[reasons[-1]]
    assert set(reasons) >= {"wins", "blocks", "gives nothing away"}

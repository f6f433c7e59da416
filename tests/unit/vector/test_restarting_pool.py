"""How often a lost worker is restarted, and options that cannot work."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import godot_marl
from godot_marl import errors
from godot_marl.vector import restarting_pool
from godot_marl.vector.restarting_pool import RestartBudget

# -- Options -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("game", "value", "words"), [("x", "yes", "True or False"), (None, True, "you start")])
def test_an_option_that_cannot_work(game: str | None, value: Any, words: str) -> None:
    with pytest.raises(errors.InvalidOptionError, match=words):
        godot_marl.vector_env(game, restart_workers=value)


# -- How often ---------------------------------------------------------------------------------------------------------


def test_waits_grow_and_three_short_games_in_a_row_end_the_restarts() -> None:
    limit = RestartBudget(0.0)
    short, lasting = (9, 100), (10, 10)
    assert [limit.delay(*short, now=0.0) for _ in range(4)] == [0.0, 1.0, 2.0, None]
    assert limit.restarts == 3
    assert [limit.delay(*game, now=10.0) for game in (lasting, short, (99, 1), (25, 4), short)] == [0, 1, 2, 0, 1]


@given(st.lists(st.floats(0.0, 20.0), min_size=1, max_size=200))
def test_the_rate_of_restarts_is_limited(pauses: list[float]) -> None:
    limit, now, times = RestartBudget(0.0), 0.0, []
    for pause in pauses:
        wait = limit.delay(1000, 1, now + pause)
        assert wait is not None
        now += pause + wait
        times.append(now)
    for begin in range(len(times)):
        for end in range(begin, len(times)):
            most = restarting_pool.RESTART_BURST + (times[end] - times[begin]) / restarting_pool.RESTART_INTERVAL
            assert end - begin + 1 <= most + 1.0

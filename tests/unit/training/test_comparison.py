"""Who plays where when trained policies are compared with others, and whose returns are whose."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import numpy as np
import pytest
from fake_arena import FakeArena, Named, Who

from godot_marl.training.evaluation import Comparison, Makes, compare, difference_interval, returns_of
from godot_marl.training.players import Cast, Views

SIDES = {"red": ["red_0", "red_1"], "blue": ["blue_0"]}
SEATS = ["red_0", "blue_0", "red_1"]  # neither sorted nor side by side
SEED = 40
WORTH = {"trained": 8.0, "weak": 1.0, "strong": 4.0}
# The same player earns another return on each seat.
FACTORS = {"red_0": 1.0, "red_1": 3.0, "blue_0": 5.0}


@pytest.fixture
def arena() -> FakeArena:
    return FakeArena(dict.fromkeys(SEATS, "player"), lambda player, seat: WORTH[player] * FACTORS[seat])


def makes(player: str) -> Makes:
    return lambda: {name: Named(player) for name in SEATS}


def everywhere(player: str, **others: str) -> Who:
    return {**dict.fromkeys(SEATS, player), **others}


def compared(arena: Any, episodes: int, **options: Any) -> list[Comparison]:
    opponents = {"weak": makes("weak"), "strong": makes("strong")}
    return list(compare(arena, SIDES, makes("trained"), opponents, episodes=episodes, seed=SEED, **options))


def test_each_side_is_compared_with_each_opponent_in_their_order(arena: FakeArena) -> None:
    found = [(one.against, one.side, one.episodes) for one in compared(arena, 3)]
    assert found == [("weak", "red", 3), ("weak", "blue", 3), ("strong", "red", 3), ("strong", "blue", 3)]


def test_the_trained_players_sit_on_the_judged_side_alone_and_all_play_the_same_seeds(arena: FakeArena) -> None:
    compared(arena, 3)
    casts = arena.casts()
    assert all(seeds == [SEED, SEED + 1, SEED + 2] for _, seeds in casts)
    expected = [
        cast
        for other in ("weak", "strong")
        for cast in (
            everywhere(other),
            everywhere(other, red_0="trained", red_1="trained"),
            everywhere(other, blue_0="trained"),
        )
    ]
    by_seat = [[who[seat] for seat in SEATS] for who, _ in casts]
    assert Counter(map(tuple, by_seat)) == Counter(tuple(who[seat] for seat in SEATS) for who in expected)


@pytest.mark.parametrize(("row", "side", "other"), [(0, "red", "weak"), (1, "blue", "weak"), (3, "blue", "strong")])
def test_both_means_and_the_interval_are_of_the_side_that_is_judged(
    row: int, side: str, other: str, arena: FakeArena
) -> None:
    one = compared(arena, 30)[row]
    seeds, names = range(SEED, SEED + 30), SIDES[side]
    trained = arena.returns(names, everywhere(other, **dict.fromkeys(names, "trained")), seeds)
    without = arena.returns(names, everywhere(other), seeds)
    assert one.trained == pytest.approx(trained.mean())
    assert one.other == pytest.approx(without.mean())
    assert (one.low, one.high) == pytest.approx(difference_interval(trained, without))
    assert 0 < one.low < one.difference < one.high


def test_each_episode_is_reported(arena: FakeArena) -> None:
    done: list[int] = []
    compared(arena, 2, report=done.append)
    assert done == [1] * len(arena.games) == [1] * 12


class Tiring:
    """Plays otherwise in each episode."""

    def __init__(self) -> None:
        self._acts = itertools.count()

    def act(self, views: Views) -> list[Any]:
        return [f"after {next(self._acts) // 2}"] * len(views.seats)


def test_players_are_made_anew_so_that_each_cast_begins_as_the_others_do() -> None:
    arena: Any = FakeArena(dict.fromkeys(SEATS, "player"), lambda player, _: float(player.split()[1]))

    def tiring() -> Cast:
        return dict.fromkeys(SEATS, Tiring())

    list(compare(arena, {"blue": ["blue_0"]}, tiring, {"it": tiring}, episodes=3, seed=SEED))
    assert [who for _, who in arena.games] == [everywhere(f"after {i}") for i in (0, 1, 2)] * 2


def test_returns_are_those_of_each_seed_in_order_averaged_over_a_sides_own_agents(arena: FakeArena) -> None:
    who = everywhere("strong", red_1="trained")
    untyped: Any = arena
    found = returns_of(untyped, SIDES, {name: Named(player) for name, player in who.items()}, [9, 2, 5])
    assert list(found) == ["red", "blue"]
    for side, names in SIDES.items():
        assert found[side].dtype == np.float64
        assert found[side].tolist() == pytest.approx(arena.returns(names, who, [9, 2, 5]).tolist())
    assert arena.games == [(seed, who) for seed in (9, 2, 5)]

"""The players of each side in a comparison, and the returns of each side."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import numpy as np
import pytest
from fake_arena import Cast, FakeArena, Named

from godot_marl.training.evaluation import Comparison, PlayersFactory, compare, difference_interval, returns_of
from godot_marl.training.players import DecisionBatch, Players

SIDES = {"red": ["red_0", "red_1"], "blue": ["blue_0"]}
AGENTS = ["red_0", "blue_0", "red_1"]  # neither sorted nor side by side
SEED = 40
WORTH = {"trained": 8.0, "weak": 1.0, "strong": 4.0}
# The same player earns a different return with each agent.
FACTORS = {"red_0": 1.0, "red_1": 3.0, "blue_0": 5.0}


@pytest.fixture
def arena() -> FakeArena:
    return FakeArena(dict.fromkeys(AGENTS, "player"), lambda player, agent: WORTH[player] * FACTORS[agent])


def makes(player: str) -> PlayersFactory:
    return lambda: {name: Named(player) for name in AGENTS}


def everywhere(player: str, **others: str) -> Cast:
    return {**dict.fromkeys(AGENTS, player), **others}


def compared(arena: Any, episodes: int, **options: Any) -> list[Comparison]:
    opponents = {"weak": makes("weak"), "strong": makes("strong")}
    return list(compare(arena, SIDES, makes("trained"), opponents, episodes=episodes, seed=SEED, **options))


def test_each_side_is_compared_with_each_opponent_in_their_order(arena: FakeArena) -> None:
    found = [(one.against, one.side, one.episodes) for one in compared(arena, 3)]
    assert found == [("weak", "red", 3), ("weak", "blue", 3), ("strong", "red", 3), ("strong", "blue", 3)]


def test_trained_players_play_the_judged_side_alone_with_the_same_seeds(arena: FakeArena) -> None:
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
    by_agent = [[cast[agent] for agent in AGENTS] for cast, _ in casts]
    assert Counter(map(tuple, by_agent)) == Counter(tuple(cast[agent] for agent in AGENTS) for cast in expected)


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

    def act(self, views: DecisionBatch) -> list[Any]:
        return [f"after {next(self._acts) // 2}"] * len(views.agent_keys)


def test_each_cast_gets_new_players() -> None:
    arena: Any = FakeArena(dict.fromkeys(AGENTS, "player"), lambda player, _: float(player.split()[1]))

    def tiring() -> Players:
        return dict.fromkeys(AGENTS, Tiring())

    list(compare(arena, {"blue": ["blue_0"]}, tiring, {"it": tiring}, episodes=3, seed=SEED))
    assert [cast for _, cast in arena.games] == [everywhere(f"after {i}") for i in (0, 1, 2)] * 2


def test_returns_are_means_over_the_agents_of_a_side_for_each_seed_in_order(arena: FakeArena) -> None:
    cast = everywhere("strong", red_1="trained")
    untyped: Any = arena
    found = returns_of(untyped, SIDES, {name: Named(player) for name, player in cast.items()}, [9, 2, 5])
    assert list(found) == ["red", "blue"]
    for side, names in SIDES.items():
        assert found[side].dtype == np.float64
        assert found[side].tolist() == pytest.approx(arena.returns(names, cast, [9, 2, 5]).tolist())
    assert arena.games == [(seed, cast) for seed in (9, 2, 5)]

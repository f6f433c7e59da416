"""Compares trained policies with other players, each side separately."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from godot_marl.core.arena import Arena
from godot_marl.protocol.messages import SceneDescription
from godot_marl.training.episodes import play
from godot_marl.training.players import Player, Players

ENOUGH_EPISODES = 30
"""The least number of episodes for the normal approximation of the interval."""

PlayersFactory = Callable[[], Players]
"""Makes new players for a whole scene, so that each comparison begins with newly seeded generators."""


@dataclass(frozen=True)
class Comparison:
    """The return of a trained side against an opponent, and the opponent's return on the same side.

    Attributes:
        side: The side that is compared.
        against: The opponent. It plays the other sides, and for `other` this side too.
        episodes: Number of episodes of each mean.
        trained: Mean return of the trained side per episode, averaged over its agents.
        other: Mean return of the opponent on the same side.
        low, high: The 95 % confidence interval of the difference of the two means.
    """

    side: str
    against: str
    episodes: int
    trained: float
    other: float
    low: float
    high: float

    @property
    def difference(self) -> float:
        """The trained side's mean minus the opponent's mean."""
        return self.trained - self.other

    @property
    def is_better(self) -> bool:
        """True if the whole interval is above zero."""
        return self.low > 0.0


def compare(
    arena: Arena,
    sides: Mapping[str, Sequence[str]],
    trained: PlayersFactory,
    opponents: Mapping[str, PlayersFactory],
    *,
    episodes: int,
    seed: int,
    report: Callable[[int], None] = lambda _: None,
) -> Iterator[Comparison]:
    """Play `episodes` episodes for each side with the trained policies, and as many with the opponent in their place.

    Args:
        arena: The arena.
        sides: The agents of each side.
        trained: Makes the trained players.
        opponents: Makes the opponents, by name.
        episodes: Episodes of each mean, at least 2; both use the same seeds.
        seed: The first episode's seed; the others follow it.
        report: Called with 1 after each episode.
    """
    seeds = range(seed, seed + episodes)
    for against, make_opponents in opponents.items():
        opponent_returns = returns_of(arena, sides, make_opponents(), seeds, report)
        for side, names in sides.items():
            trained_players = trained()
            players = {**make_opponents(), **{name: trained_players[name] for name in names}}
            returns = returns_of(arena, sides, players, seeds, report)[side]
            baseline = opponent_returns[side]
            low, high = difference_interval(returns, baseline)
            yield Comparison(side, against, episodes, float(returns.mean()), float(baseline.mean()), low, high)


def returns_of(
    arena: Arena,
    sides: Mapping[str, Sequence[str]],
    players: Players,
    seeds: Sequence[int],
    report: Callable[[int], None] = lambda _: None,
) -> dict[str, np.ndarray[Any, Any]]:
    """Play an episode for each seed.

    Args:
        arena: The arena.
        sides: The agents of each side.
        players: The player of each agent.
        seeds: The episodes' seeds.
        report: Called with 1 after each episode.

    Returns:
        The returns of each side, averaged over its agents: float64 of shape (episodes,).
    """
    returns = []
    for seed in seeds:
        scores = dict.fromkeys(players, 0.0)
        for result in play(arena, players, seed):
            for name, reward in result.rewards.items():
                scores[name] += reward
        returns.append([float(np.mean([scores[name] for name in names])) for names in sides.values()])
        report(1)
    return dict(zip(sides, np.array(returns).T, strict=True))


def difference_interval(first: np.ndarray[Any, Any], second: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Return the 95 % confidence interval of the difference of two means.

    It is the normal approximation with unequal variances (Welch 1947), valid for `ENOUGH_EPISODES` or more.

    Args:
        first: The returns of the first mean, of shape (episodes,), at least 2.
        second: The returns of the second mean, likewise.

    Returns:
        The interval's bounds, low and high, of the first mean minus the second.
    """
    margin = 1.959964 * np.sqrt(first.var(ddof=1) / len(first) + second.var(ddof=1) / len(second))
    difference = first.mean() - second.mean()
    return float(difference - margin), float(difference + margin)


def table(comparisons: Sequence[Comparison]) -> str:
    """Format comparisons as a table of text, with a warning below where an interval has too few episodes."""
    rows = [("side", "against", "return", "in its place", "difference", "95 % interval")]
    for comparison in comparisons:
        numbers = (f"{comparison.trained:.3f}", f"{comparison.other:.3f}", f"{comparison.difference:+.3f}")
        interval = f"[{comparison.low:+.3f}, {comparison.high:+.3f}]"
        rows.append((comparison.side, comparison.against, *numbers, interval))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    fewest = min((comparison.episodes for comparison in comparisons), default=ENOUGH_EPISODES)
    if fewest < ENOUGH_EPISODES:
        lines.append(f"The intervals are too narrow: {fewest} episodes are few, {ENOUGH_EPISODES} or more are enough.")
    return "\n".join(lines)


def save(comparisons: Sequence[Comparison], path: Path, *, seed: int, steps: Mapping[str, Mapping[str, int]]) -> None:
    """Write comparisons as JSON.

    Args:
        comparisons: The comparisons.
        path: The file.
        seed: The first episode's seed.
        steps: For each side, the environment steps of the compared checkpoint of each of its policies.
    """
    rows = [
        {
            **asdict(comparison),
            "difference": comparison.difference,
            "is_better": comparison.is_better,
            "seed": seed,
            "steps": steps[comparison.side],
        }
        for comparison in comparisons
    ]
    path.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def players_of(scene: SceneDescription, by_policy: Mapping[str, Player]) -> dict[str, Player]:
    """Return the player of each agent, given the player of each policy."""
    return {agent.name: by_policy[agent.policy] for agent in scene.agents}

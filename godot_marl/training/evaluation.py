"""Whether trained policies play better than others, each side apart."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from godot_marl.arena import Arena
from godot_marl.protocol import SceneDescription
from godot_marl.training.episodes import play
from godot_marl.training.players import Cast, Player

ENOUGH_EPISODES = 30
"""From so many episodes on the normal approximation of the interval fits."""

Makes = Callable[[], Cast]
"""Makes the players of a whole scene anew, so that each comparison begins with fresh generators."""


@dataclass(frozen=True)
class Comparison:
    """How a trained side does against another player, and how that player does in the side's place.

    Attributes:
        side: Who is judged.
        against: Who plays the other sides, and then this one too.
        episodes: How many episodes each of the two means is of.
        trained: The trained side's mean return in an episode, averaged over its agents.
        other: The mean return of the other player in the same place.
        low, high: The 95 % interval of the difference of the two means.
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
        """By how much the trained side is better."""
        return self.trained - self.other

    @property
    def is_better(self) -> bool:
        """True if the whole interval is above zero."""
        return self.low > 0.0


def compare(
    arena: Arena,
    sides: Mapping[str, Sequence[str]],
    trained: Makes,
    opponents: Mapping[str, Makes],
    *,
    episodes: int,
    seed: int,
    report: Callable[[int], None] = lambda _: None,
) -> Iterator[Comparison]:
    """Let each side play `episodes` episodes with the trained policies, and as many without.

    Args:
        arena: The arena.
        sides: The agents of each side.
        trained: Makes the trained players.
        opponents: Makes the players of whom to be better, by name.
        episodes: Episodes of each mean; both use the same seeds.
        seed: The first episode's seed.
        report: Is called with 1 after each episode.
    """
    seeds = range(seed, seed + episodes)
    for against, other in opponents.items():
        without = returns_of(arena, sides, other(), seeds, report)
        for side, names in sides.items():
            best = trained()
            cast = {**other(), **{name: best[name] for name in names}}
            gained = returns_of(arena, sides, cast, seeds, report)[side]
            low, high = difference_interval(gained, without[side])
            yield Comparison(side, against, episodes, float(gained.mean()), float(without[side].mean()), low, high)


def returns_of(
    arena: Arena,
    sides: Mapping[str, Sequence[str]],
    cast: Cast,
    seeds: Sequence[int],
    report: Callable[[int], None] = lambda _: None,
) -> dict[str, np.ndarray[Any, Any]]:
    """Play an episode for each seed: the return of each side, float64 of shape (episodes,)."""
    returns = []
    for seed in seeds:
        scores = dict.fromkeys(cast, 0.0)
        for outcome in play(arena, cast, seed):
            for name, reward in outcome.rewards.items():
                scores[name] += reward
        returns.append([float(np.mean([scores[name] for name in names])) for names in sides.values()])
        report(1)
    return dict(zip(sides, np.array(returns).T, strict=True))


def difference_interval(first: np.ndarray[Any, Any], second: np.ndarray[Any, Any]) -> tuple[float, float]:
    """The 95 % interval of the difference of two means.

    By the normal approximation with unequal variances (Welch 1947), which fits from `ENOUGH_EPISODES` on.
    """
    error = 1.959964 * np.sqrt(first.var(ddof=1) / len(first) + second.var(ddof=1) / len(second))
    difference = first.mean() - second.mean()
    return float(difference - error), float(difference + error)


def table(comparisons: Sequence[Comparison]) -> str:
    """Comparisons as a table of text, with a warning below if the intervals are of too few episodes."""
    rows = [("side", "against", "return", "in its place", "difference", "95 % interval")]
    for one in comparisons:
        interval = f"[{one.low:+.3f}, {one.high:+.3f}]"
        rows.append(
            (one.side, one.against, f"{one.trained:.3f}", f"{one.other:.3f}", f"{one.difference:+.3f}", interval)
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    fewest = min((one.episodes for one in comparisons), default=ENOUGH_EPISODES)
    if fewest < ENOUGH_EPISODES:
        lines.append(f"The intervals are too narrow: {fewest} episodes are few, {ENOUGH_EPISODES} or more are enough.")
    return "\n".join(lines)


def save(comparisons: Sequence[Comparison], path: Path, *, seed: int, steps: Mapping[str, Mapping[str, int]]) -> None:
    """Write comparisons as JSON.

    Args:
        comparisons: The comparisons.
        path: The file.
        seed: The first episode's seed.
        steps: For each side, after how many environment steps its policies were as they were judged, by policy.
    """
    rows = [
        {
            **asdict(one),
            "difference": one.difference,
            "is_better": one.is_better,
            "seed": seed,
            "steps": steps[one.side],
        }
        for one in comparisons
    ]
    path.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def policies_of(scene: SceneDescription, by_policy: Mapping[str, Player]) -> dict[str, Player]:
    """The player of each agent, from the player of each policy."""
    return {agent.name: by_policy[agent.policy] for agent in scene.agents}

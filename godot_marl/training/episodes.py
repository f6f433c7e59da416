"""Episodes that are under way: who plays them, where they stand, and what is done next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from godot_marl.arena import Arena
from godot_marl.outcomes import Outcome
from godot_marl.training.players import Cast, Seat, Views


@dataclass(slots=True)
class Episode:
    """One episode that is under way.

    Attributes:
        arena: The number of its arena.
        cast: A player for each agent that can ever be there.
        outcome: What its reset or its last step brought.
        live: The agents that go on.
        length: How many steps it has.
        scores: The return of each agent so far.
    """

    arena: int
    cast: Cast
    outcome: Outcome
    live: Sequence[str]
    length: int = 0
    scores: dict[str, float] = field(init=False)

    def __post_init__(self) -> None:
        self.scores = dict.fromkeys(self.cast, 0.0)
        self._count()

    def go_on(self, outcome: Outcome, live: Sequence[str]) -> None:
        """Take note of what a step brought, and of who goes on."""
        self.outcome, self.live = outcome, live
        self.length += 1
        self._count()

    def _count(self) -> None:
        for name, reward in self.outcome.rewards.items():
            self.scores[name] += reward

    @property
    def acting(self) -> Sequence[str]:
        """The agents that are to act: all of them, or the one whose turn it is."""
        return self.live if self.outcome.turn is None else [self.outcome.turn]


def decide(episodes: Sequence[Episode]) -> list[dict[str, Any]]:
    """What the agents do next, by agent name for each episode.

    Agents with the same player are asked together, whichever episode they are in.
    """
    groups: dict[int, list[tuple[int, str]]] = {}
    for place, episode in enumerate(episodes):
        for name in episode.acting:
            groups.setdefault(id(episode.cast[name]), []).append((place, name))
    actions: list[dict[str, Any]] = [{} for _ in episodes]
    for group in groups.values():
        first, name = group[0]
        outcomes = [(episodes[place].outcome, name) for place, name in group]
        seats: list[Seat] = [(episodes[place].arena, name) for place, name in group]
        views = Views(
            seats,
            [outcome.observations[name] for outcome, name in outcomes],
            [outcome.infos[name].get("action_mask") for outcome, name in outcomes],
        )
        for (place, agent), action in zip(group, episodes[first].cast[name].act(views), strict=True):
            actions[place][agent] = action
    return actions


def play(arena: Arena, cast: Cast, seed: int | None = None) -> Iterator[Outcome]:
    """Play an episode, and yield what the reset and each step brought.

    Args:
        arena: The arena, with `mask_in_observation=False`.
        cast: A player for each agent that can ever be there. Agents with the same player are asked together.
        seed: The episode's seed; None draws one.
    """
    episode = Episode(0, cast, arena.reset(seed, None), arena.live)
    yield episode.outcome
    while episode.live:
        (actions,) = decide([episode])
        episode.go_on(arena.step(actions), arena.live)
        yield episode.outcome

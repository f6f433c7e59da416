"""Running episodes: their players, their state, and the players' next actions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from godot_marl.core.arena import Arena
from godot_marl.core.episode import StepResult
from godot_marl.training.players import AgentKey, DecisionBatch, Players


@dataclass(slots=True)
class Episode:
    """One running episode.

    Attributes:
        arena: The number of its arena.
        players: The player of each possible agent.
        result: The result of its reset or of its last step.
        live: The live agents.
        length: Number of steps so far.
        scores: The return of each agent so far.
    """

    arena: int
    players: Players
    result: StepResult
    live: Sequence[str]
    length: int = 0
    scores: dict[str, float] = field(init=False)

    def __post_init__(self) -> None:
        self.scores = dict.fromkeys(self.players, 0.0)
        self._add_rewards()

    def on_step(self, result: StepResult, live: Sequence[str]) -> None:
        """Record the result of a step, and the agents that are live after it."""
        self.result, self.live = result, live
        self.length += 1
        self._add_rewards()

    def _add_rewards(self) -> None:
        for name, reward in self.result.rewards.items():
            self.scores[name] += reward

    @property
    def acting(self) -> Sequence[str]:
        """The agents that act next: all live ones, or the one whose turn it is."""
        return self.live if self.result.turn is None else [self.result.turn]


def decide(episodes: Sequence[Episode]) -> list[dict[str, Any]]:
    """Return the next actions of each episode, by agent name.

    A player gets the agents of all episodes in one batch, because a policy's forward pass costs nearly the same for
    one agent as for many.
    """
    groups: dict[int, list[tuple[Episode, str]]] = {}
    for episode in episodes:
        for name in episode.acting:
            groups.setdefault(id(episode.players[name]), []).append((episode, name))
    actions: dict[int, dict[str, Any]] = {id(episode): {} for episode in episodes}
    for group in groups.values():
        agent_keys: list[AgentKey] = [(episode.arena, name) for episode, name in group]
        batch = DecisionBatch(
            agent_keys,
            [episode.result.observations[name] for episode, name in group],
            [episode.result.infos[name].get("action_mask") for episode, name in group],
        )
        first_episode, first_name = group[0]
        player = first_episode.players[first_name]
        for (episode, name), action in zip(group, player.act(batch), strict=True):
            actions[id(episode)][name] = action
    return list(actions.values())


def play(arena: Arena, players: Players, seed: int | None = None) -> Iterator[StepResult]:
    """Play an episode, and yield the results of its reset and of each step.

    Args:
        arena: The arena, with `mask_in_observation=False`.
        players: The player of each possible agent. Agents with the same player decide in one batch.
        seed: The episode's seed; None draws one.
    """
    episode = Episode(0, players, arena.reset(seed, None), arena.live)
    yield episode.result
    while episode.live:
        (actions,) = decide([episode])
        episode.on_step(arena.step(actions), arena.live)
        yield episode.result

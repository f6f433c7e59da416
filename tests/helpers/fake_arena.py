"""An arena without a game: the rewards depend on the players of the agents, and on the seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from godot_marl.core.episode import StepResult
from godot_marl.protocol.messages import AgentDescription, SceneDescription
from godot_marl.training.players import DecisionBatch

Cast = dict[str, str]
"""The player of each agent."""


class Named:
    """A player whose only action is its own name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def act(self, views: DecisionBatch) -> list[Any]:
        return [self.name] * len(views.agent_keys)


class FakeArena:
    """Plays episodes of two steps, and keeps a record of them.

    Args:
        policies: The policy of each agent.
        worth: What a player, by its name, is worth with an agent. Random players are called "random".
    """

    def __init__(self, policies: Mapping[str, str], worth: Callable[[str, str], float]) -> None:
        observation = spaces.Box(0.0, 1.0, (1,), np.float32)
        self.scene = SceneDescription(
            tuple(
                AgentDescription(name, name, policy, observation, spaces.Discrete(1))
                for name, policy in policies.items()
            ),
            step_length=1,
            physics_fps=60,
        )
        self.live: Sequence[str] = []
        self.games: list[tuple[int, Cast]] = []
        self._names = list(policies)
        self._worth = worth

    def reset(self, seed: int, options: object) -> StepResult:
        self.live = self._names
        self.games.append((seed, {}))
        return self._outcome(dict.fromkeys(self._names, 0.0))

    def step(self, actions: Mapping[str, Any]) -> StepResult:
        seed, cast = self.games[-1]
        is_first = not cast
        # Of the actions only the random player's is a number.
        now = {name: action if isinstance(action, str) else "random" for name, action in actions.items()}
        assert is_first or now == cast
        cast.update(now)
        if not is_first:
            self.live = []
        share = 0.25 if is_first else 0.75
        return self._outcome({name: share * self.earned(name, cast, seed) for name in self._names})

    def _outcome(self, rewards: dict[str, float]) -> StepResult:
        seen = {name: np.zeros(1, np.float32) for name in self._names}
        ends = dict.fromkeys(self._names, False)
        return StepResult(seen, rewards, ends, ends, {name: {} for name in self._names})

    def earned(self, name: str, cast: Cast, seed: int) -> float:
        """What an agent earns in an episode: mostly by its own player, a little by the others, and by luck."""
        others = sum(self._worth(cast[other], other) for other in self._names if other != name)
        luck = (7 * seed + 3 * self._names.index(name)) % 11
        return self._worth(cast[name], name) - 0.125 * others + luck / 16

    def returns(self, names: Sequence[str], cast: Cast, seeds: Iterable[int]) -> np.ndarray[Any, Any]:
        """What these agents earn on the average in the episode of each seed."""
        return np.array([sum(self.earned(name, cast, seed) for name in names) / len(names) for seed in seeds])

    def casts(self) -> list[tuple[Cast, list[int]]]:
        """The casts so far, and the seeds of each."""
        casts: list[tuple[Cast, list[int]]] = []
        for seed, cast in self.games:
            if not casts or casts[-1][0] != cast:
                casts.append((cast, []))
            casts[-1][1].append(seed)
        return casts

"""Who plays the agents of an episode: learned policies, random ones, and those written by hand."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.policies import BasePolicy

from godot_marl.envs import ScriptedPolicy
from godot_marl.protocol import SceneDescription

Mask = np.ndarray[Any, Any] | None
Seat = tuple[int, str]
"""One agent among those of all arenas: the arena's number and the agent's name."""


@dataclass(frozen=True)
class Views:
    """What the agents that are to act see.

    Attributes:
        seats: Who they are.
        observations: What each of them sees.
        masks: Which actions each of them may take; None for an agent without a mask.
    """

    seats: Sequence[Seat]
    observations: Sequence[Any]
    masks: Sequence[Mask]


class Player(Protocol):
    """Decides for one or more agents of an episode."""

    def act(self, views: Views) -> list[Any]:
        """An action for each of these agents, in their order."""


Cast = Mapping[str, Player]
"""The player of each agent, by the agent's name."""


class RandomPlayer:
    """Takes each action that the mask allows with the same probability.

    Args:
        space: The action space.
        seed: Seeds its choices.
    """

    def __init__(self, space: spaces.Space[Any], seed: int) -> None:
        # A copy: a trainer's own spaces keep their generators.
        self._space = copy.deepcopy(space)
        self._space.seed(seed)

    def act(self, views: Views) -> list[Any]:
        """Draw an action for each agent."""
        return [self._space.sample(self._mask_of(mask)) for mask in views.masks]

    def _mask_of(self, mask: Mask) -> Any:
        if mask is None or not isinstance(self._space, spaces.MultiDiscrete):
            return mask
        return tuple(np.split(mask, np.cumsum(self._space.nvec)[:-1]))


class ScriptedPlayer:
    """Plays by rules written by hand.

    Args:
        policy: The rules.
        seed: Seeds the choices that they leave open.
    """

    def __init__(self, policy: ScriptedPolicy, seed: int) -> None:
        self._policy = policy
        self._rng = np.random.default_rng(seed)

    def act(self, views: Views) -> list[Any]:
        """Apply the rules to each agent."""
        pairs = zip(views.observations, views.masks, strict=True)
        return [self._policy(observation, mask, self._rng) for observation, mask in pairs]


class PolicyPlayer:
    """Plays by a policy of stable-baselines3, and learns nothing.

    Args:
        model: The model, or one of its policies.
        masked: Whether the policy takes action masks.
        deterministic: Whether to take the likeliest action instead of drawing one.
    """

    def __init__(self, model: OnPolicyAlgorithm | BasePolicy, *, masked: bool, deterministic: bool) -> None:
        self._model = model
        self._masked = masked
        self._deterministic = deterministic

    def act(self, views: Views) -> list[Any]:
        """Ask the policy once for all agents."""
        options: dict[str, Any] = {"action_masks": stack(views.masks)} if self._masked else {}
        actions, _ = self._model.predict(stack(views.observations), deterministic=self._deterministic, **options)
        return list(actions)


def stack(observations: Sequence[Any]) -> Any:
    """Several observations or masks of one space as one batch, as stable-baselines3 takes it."""
    if isinstance(observations[0], Mapping):
        return {key: np.stack([observation[key] for observation in observations]) for key in observations[0]}
    return np.stack(observations)


def random_cast(scene: SceneDescription, seed: int) -> dict[str, Player]:
    """A random player for each agent."""
    return {agent.name: RandomPlayer(agent.action_space, seed + i) for i, agent in enumerate(scene.agents)}

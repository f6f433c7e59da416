"""Players of the agents of an episode: learned policies, random ones, and scripted ones."""

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
from godot_marl.protocol.messages import SceneDescription
from godot_marl.protocol.space_kinds.registry import leaf_kind_of

Mask = np.ndarray[Any, Any] | None
AgentKey = tuple[int, str]
"""Identifies an agent among those of all arenas: the arena's number and the agent's name."""


@dataclass(frozen=True)
class DecisionBatch:
    """The inputs of agents that act in the same step, one entry for each agent.

    Attributes:
        agent_keys: The agents.
        observations: Their observations.
        masks: Their action masks, int8 of shape (actions,); None for an agent without a mask.
    """

    agent_keys: Sequence[AgentKey]
    observations: Sequence[Any]
    masks: Sequence[Mask]


class Player(Protocol):
    """Chooses the actions of one or more agents."""

    def act(self, batch: DecisionBatch) -> list[Any]:
        """Return an action for each agent of the batch, in its order."""


Players = Mapping[str, Player]
"""The player of each agent, by the agent's name."""


class RandomPlayer:
    """Chooses uniformly among the actions that the mask allows.

    Args:
        space: The action space.
        seed: Seeds the choices.
    """

    def __init__(self, space: spaces.Space[Any], seed: int) -> None:
        # A copy, because the seed must not change the generator of the scene's space.
        self._space = copy.deepcopy(space)
        self._space.seed(seed)

    def act(self, batch: DecisionBatch) -> list[Any]:
        """Draw an action for each agent."""
        return [self._space.sample(self._gymnasium_mask(mask)) for mask in batch.masks]

    def _gymnasium_mask(self, mask: Mask) -> Any:
        if mask is None:
            return None
        return leaf_kind_of(self._space).sample_mask(self._space, mask, "the action mask")


class ScriptedPlayer:
    """Plays a scripted policy.

    Args:
        policy: The scripted policy.
        seed: Seeds its random choices.
    """

    def __init__(self, policy: ScriptedPolicy, seed: int) -> None:
        self._policy = policy
        self._rng = np.random.default_rng(seed)

    def act(self, batch: DecisionBatch) -> list[Any]:
        """Call the scripted policy for each agent."""
        pairs = zip(batch.observations, batch.masks, strict=True)
        return [self._policy(observation, mask, self._rng) for observation, mask in pairs]


class PolicyPlayer:
    """Plays a policy of stable-baselines3 without training it.

    Args:
        model: The model, or its policy.
        masked: Whether the policy takes action masks.
        deterministic: Whether to take the likeliest action instead of drawing one.
    """

    def __init__(self, model: OnPolicyAlgorithm | BasePolicy, *, masked: bool, deterministic: bool) -> None:
        self._model = model
        self._masked = masked
        self._deterministic = deterministic

    def act(self, batch: DecisionBatch) -> list[Any]:
        """Predict the actions of all agents in one forward pass."""
        options: dict[str, Any] = {"action_masks": stack(batch.masks)} if self._masked else {}
        actions, _ = self._model.predict(stack(batch.observations), deterministic=self._deterministic, **options)
        return list(actions)


def stack(observations: Sequence[Any]) -> Any:
    """Stack observations or masks of one space into a batch for stable-baselines3: shape (agents, ...)."""
    if isinstance(observations[0], Mapping):
        return {key: np.stack([observation[key] for observation in observations]) for key in observations[0]}
    return np.stack(observations)


def random_players(scene: SceneDescription, seed: int) -> dict[str, Player]:
    """Make a random player for each agent."""
    return {agent.name: RandomPlayer(agent.action_space, seed + i) for i, agent in enumerate(scene.agents)}

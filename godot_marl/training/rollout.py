"""Rollout collection: records the decisions of agents, and trains stable-baselines3's PPO with them.

Each agent of each arena has its own trajectory, from its first decision in an episode to its last. So agents may end at
different steps, join late, and take turns: the rewards between two decisions of an agent belong to the first of them,
and a finished agent needs no padding. stable-baselines3 computes the advantages: its rollout buffer receives each
fragment of a trajectory as an episode. Where a fragment was cut off (by a truncation, a lost worker, or the rollout's
end), its last reward includes the value of the next observation, discounted once (Pardo et al. 2018, "Time Limits in
Reinforcement Learning").
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from godot_marl.core.episode import StepResult
from godot_marl.training.players import AgentKey, DecisionBatch, Mask, stack


@dataclass(slots=True)
class Decision:
    """One decision of one agent.

    Attributes:
        observation: The observation that it is based on.
        mask: The action mask, or None.
        action: The action of the policy, before it is clipped to the action space.
        value: The value that the policy predicted, of shape (1,).
        log_prob: The log probability of the action, a scalar.
        reward: The sum of the agent's rewards until its next decision.
        is_first: Whether it begins a fragment.
        has_reward: Whether a step has followed it.
    """

    observation: Any
    mask: Mask
    action: np.ndarray[Any, Any]
    value: torch.Tensor
    log_prob: torch.Tensor
    reward: float = 0.0
    is_first: bool = False
    has_reward: bool = False


@dataclass(slots=True)
class Trajectory:
    """The decisions of one agent since the last update.

    Attributes:
        decisions: The closed decisions, whose rewards are complete.
        open: The last decision, whose reward still grows; None between episodes.
    """

    decisions: list[Decision] = field(default_factory=list)
    open: Decision | None = None


class PolicyLearner:
    """Plays all agents of one policy, and trains the policy with their trajectories.

    Args:
        model: A PPO or a MaskablePPO.
        masked: Whether it takes action masks.
    """

    def __init__(self, model: OnPolicyAlgorithm, *, masked: bool) -> None:
        self.model = model
        self.masked = masked
        self._trajectories: dict[AgentKey, Trajectory] = {}
        self._rollout: list[Decision] = []

    def act(self, batch: DecisionBatch) -> list[Any]:
        """Sample an action for each agent, and open a decision with it."""
        policy: Any = self.model.policy
        observations, _ = policy.obs_to_tensor(stack(batch.observations))
        options = {"action_masks": stack(batch.masks)} if self.masked else {}
        with torch.no_grad():
            samples, values, log_probs = policy(observations, **options)
        actions = samples.cpu().numpy().reshape((-1, *(self.model.action_space.shape or ())))
        for i, agent_key in enumerate(batch.agent_keys):
            trajectory = self._trajectories.setdefault(agent_key, Trajectory())
            self._close(trajectory)
            trajectory.open = Decision(batch.observations[i], batch.masks[i], actions[i], values[i], log_probs[i])
        if isinstance(self.model.action_space, spaces.Box):
            actions = np.clip(actions, self.model.action_space.low, self.model.action_space.high)
        return list(actions)

    def record(self, agent_key: AgentKey, result: StepResult) -> None:
        """Add the reward of a step to the agent's open decision, and end its trajectory where its episode ended."""
        trajectory = self._trajectories.get(agent_key)
        if trajectory is None or trajectory.open is None:
            return
        _, name = agent_key
        trajectory.open.reward += result.rewards[name]
        trajectory.open.has_reward = True
        terminated = result.terminations[name]
        if not (terminated or result.truncations[name]):
            return
        self._close(trajectory)
        next_value = 0.0 if terminated else float(self._value(result.observations[name]))
        self._add_to_rollout(trajectory, next_value)

    def cut_off(self, agent_key: AgentKey, result: StepResult) -> None:
        """End an agent's trajectory after its last observation, as a truncation.

        A decision that no step followed is dropped, because its reward is unknown.

        Args:
            agent_key: The agent.
            result: The result of its episode's reset or last step.
        """
        trajectory = self._trajectories.get(agent_key)
        if trajectory is None or trajectory.open is None:
            return
        if trajectory.open.has_reward:
            self._close(trajectory)
            next_value = float(self._value(result.observations[agent_key[1]]))
        else:
            next_value = float(trajectory.open.value)
            trajectory.open = None
        self._add_to_rollout(trajectory, next_value)

    def _value(self, observation: Any) -> torch.Tensor:
        policy: Any = self.model.policy
        observations, _ = policy.obs_to_tensor(stack([observation]))
        with torch.no_grad():
            value: torch.Tensor = policy.predict_values(observations)
        return value

    @staticmethod
    def _close(trajectory: Trajectory) -> None:
        if trajectory.open is not None:
            trajectory.decisions.append(trajectory.open)
            trajectory.open = None

    def _add_to_rollout(self, trajectory: Trajectory, next_value: float) -> None:
        """Move a trajectory's closed decisions to the rollout; `next_value` is that of the observation after them."""
        if not trajectory.decisions:
            return
        trajectory.decisions[0].is_first = True
        trajectory.decisions[-1].reward += self.model.gamma * next_value
        self._rollout += trajectory.decisions
        trajectory.decisions = []

    def abandon_episode(self, arena: int) -> None:
        """Drop the trajectories of an arena, as before a new episode."""
        for agent_key in [agent_key for agent_key in self._trajectories if agent_key[0] == arena]:
            del self._trajectories[agent_key]

    def clear(self) -> None:
        """Drop all decisions that no update has used."""
        self._trajectories.clear()
        self._rollout.clear()

    def update(self) -> int:
        """Train the model with the rollout.

        An open decision waits for the next update; its value completes the reward of the decision before it. A single
        decision waits, too.

        Returns:
            The number of decisions in the update.
        """
        for trajectory in self._trajectories.values():
            if trajectory.open is not None:
                self._add_to_rollout(trajectory, float(trajectory.open.value))
        if len(self._rollout) < 2:
            return 0
        rollout, self._rollout = self._rollout, []
        model: Any = self.model
        buffer = model.rollout_buffer_class(
            len(rollout),
            model.observation_space,
            model.action_space,
            model.device,
            gamma=model.gamma,
            gae_lambda=model.gae_lambda,
            n_envs=1,
        )
        for decision in rollout:
            options = {"action_masks": decision.mask} if self.masked else {}
            buffer.add(
                _batch_of_one(decision.observation),
                decision.action,
                np.array([decision.reward]),
                np.array([decision.is_first]),
                decision.value,
                decision.log_prob,
                **options,
            )
        buffer.compute_returns_and_advantage(last_values=torch.zeros(1), dones=np.array([True]))
        model.rollout_buffer = buffer
        model.num_timesteps += len(rollout)
        batch_size = model.batch_size
        # MaskablePPO divides a batch's advantages by their standard deviation, which is NaN for a batch of one.
        model.batch_size = next(size for size in itertools.count(batch_size) if len(rollout) % size != 1)
        model.train()
        model.batch_size = batch_size
        return len(rollout)


def _batch_of_one(observation: Any) -> Any:
    if isinstance(observation, Mapping):
        return {key: np.asarray(value)[np.newaxis] for key, value in observation.items()}
    return np.asarray(observation)[np.newaxis]

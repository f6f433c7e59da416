"""What agents went through, in the form that stable-baselines3's PPO learns from.

Each agent of each arena has a stream of its own, from its first decision in an episode to its end. So agents may end
apart, come late, and take turns: what an agent gets between two of its decisions is the reward of the first of them,
and a finished agent leaves no padding. The advantages are stable-baselines3's own: a fragment of a stream is laid into
its rollout buffer as an episode, and where it was cut off (truncated, its game lost, or the rollout ended) the value of
what would have come next is added to its last reward, discounted once (Pardo et al. 2018, "Time Limits in Reinforcement
Learning").
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

from godot_marl.outcomes import Outcome
from godot_marl.training.players import Mask, Seat, Views, stack


@dataclass(slots=True)
class Decision:
    """One decision of one agent, and what it got until its next one."""

    observation: Any
    mask: Mask
    action: np.ndarray[Any, Any]
    value: torch.Tensor
    log_prob: torch.Tensor
    reward: float = 0.0
    is_first: bool = False
    # Whether a step has told what it brought.
    is_answered: bool = False


@dataclass(slots=True)
class Stream:
    """The decisions of one agent since the last update; the last of them is still open."""

    decisions: list[Decision] = field(default_factory=list)
    open: Decision | None = None


class Learner:
    """Plays all agents of one policy, and learns from what they go through.

    Args:
        model: A PPO or a MaskablePPO.
        masked: Whether it takes action masks.
    """

    def __init__(self, model: OnPolicyAlgorithm, *, masked: bool) -> None:
        self.model = model
        self.masked = masked
        self._streams: dict[Seat, Stream] = {}
        self._gathered: list[Decision] = []

    def act(self, views: Views) -> list[Any]:
        """Draw an action for each agent, and open a decision of it."""
        policy: Any = self.model.policy
        batch, _ = policy.obs_to_tensor(stack(views.observations))
        options = {"action_masks": stack(views.masks)} if self.masked else {}
        with torch.no_grad():
            actions, values, log_probs = policy(batch, **options)
        taken = actions.cpu().numpy().reshape((-1, *(self.model.action_space.shape or ())))
        for i, seat in enumerate(views.seats):
            stream = self._streams.setdefault(seat, Stream())
            self._close(stream)
            stream.open = Decision(views.observations[i], views.masks[i], taken[i], values[i], log_probs[i])
        if isinstance(self.model.action_space, spaces.Box):
            taken = np.clip(taken, self.model.action_space.low, self.model.action_space.high)
        return list(taken)

    def take(self, seat: Seat, outcome: Outcome) -> None:
        """Add the reward of a step to the agent's open decision, and end its stream with its episode."""
        stream = self._streams.get(seat)
        if stream is None or stream.open is None:
            return
        _, name = seat
        stream.open.reward += outcome.rewards[name]
        stream.open.is_answered = True
        terminated = outcome.terminations[name]
        if not (terminated or outcome.truncations[name]):
            return
        self._close(stream)
        after = 0.0 if terminated else float(self._value(outcome.observations[name]))
        self._gather(stream, after)

    def cut_off(self, seat: Seat, outcome: Outcome) -> None:
        """End an agent's stream where it was last seen, as a truncation.

        A decision that no step has answered is left out: what it would have brought is not known.

        Args:
            seat: The agent.
            outcome: What its episode's reset or last step brought.
        """
        stream = self._streams.get(seat)
        if stream is None or stream.open is None:
            return
        if stream.open.is_answered:
            self._close(stream)
            after = float(self._value(outcome.observations[seat[1]]))
        else:
            after = float(stream.open.value)
            stream.open = None
        self._gather(stream, after)

    def _value(self, observation: Any) -> torch.Tensor:
        policy: Any = self.model.policy
        batch, _ = policy.obs_to_tensor(stack([observation]))
        with torch.no_grad():
            value: torch.Tensor = policy.predict_values(batch)
        return value

    @staticmethod
    def _close(stream: Stream) -> None:
        if stream.open is not None:
            stream.decisions.append(stream.open)
            stream.open = None

    def _gather(self, stream: Stream, after: float) -> None:
        """Take the closed decisions of a stream; `after` is the value of what comes next."""
        if not stream.decisions:
            return
        stream.decisions[0].is_first = True
        stream.decisions[-1].reward += self.model.gamma * after
        self._gathered += stream.decisions
        stream.decisions = []

    def abandon_episode(self, arena: int) -> None:
        """Forget what is open in an arena, as when a training goes on with a new episode."""
        for seat in [seat for seat in self._streams if seat[0] == arena]:
            del self._streams[seat]

    def forget(self) -> None:
        """Forget everything that was not learned from yet."""
        self._streams.clear()
        self._gathered.clear()

    def update(self) -> int:
        """Learn from what was gathered, and return how many decisions that were.

        A decision that is still open waits for the next update; its value is what the one before it leads to. So does
        a single one.
        """
        for stream in self._streams.values():
            if stream.open is not None:
                self._gather(stream, float(stream.open.value))
        if len(self._gathered) < 2:
            return 0
        gathered, self._gathered = self._gathered, []
        model: Any = self.model
        buffer = model.rollout_buffer_class(
            len(gathered),
            model.observation_space,
            model.action_space,
            model.device,
            gamma=model.gamma,
            gae_lambda=model.gae_lambda,
            n_envs=1,
        )
        for decision in gathered:
            options = {"action_masks": decision.mask} if self.masked else {}
            buffer.add(
                _row(decision.observation),
                decision.action,
                np.array([decision.reward]),
                np.array([decision.is_first]),
                decision.value,
                decision.log_prob,
                **options,
            )
        buffer.compute_returns_and_advantage(last_values=torch.zeros(1), dones=np.array([True]))
        model.rollout_buffer = buffer
        model.num_timesteps += len(gathered)
        batch_size = model.batch_size
        # MaskablePPO divides the advantages of a batch by their deviation, which a batch of one does not have.
        model.batch_size = next(size for size in itertools.count(batch_size) if len(gathered) % size != 1)
        model.train()
        model.batch_size = batch_size
        return len(gathered)


def _row(observation: Any) -> Any:
    """An observation as a batch of one."""
    if isinstance(observation, Mapping):
        return {key: np.asarray(value)[np.newaxis] for key, value in observation.items()}
    return np.asarray(observation)[np.newaxis]

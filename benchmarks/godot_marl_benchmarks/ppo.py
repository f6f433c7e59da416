"""PPO of stable-baselines3: how fast it collects, and how long it takes to learn to balance the poles."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import set_random_seed
from stable_baselines3.common.vec_env import VecEnv

from godot_marl.bench.figures import Figures

TARGET = 240.0
"""The mean return of an episode at which the poles are balanced; the most is 250."""

EPISODES = 100
"""Of so many episodes is the mean."""

MOST_STEPS = 400_000
"""After so many agent-steps learning gives up."""

# Few, large batches: what learning costs is the same for every environment, and hides what they cost.
SETTINGS: dict[str, Any] = {
    "n_steps": 32,
    "batch_size": 512,
    "n_epochs": 5,
    "learning_rate": 2e-3,
    "gamma": 0.98,
    "gae_lambda": 0.9,
}


@dataclass(frozen=True)
class Learned:
    """How learning went.

    Attributes:
        seed: It seeded the policy.
        seconds: How long it took, from the first reset to the goal.
        agent_steps: How many steps the agents had taken by then.
        mean_return: The mean return of the last episodes.
        curve: Pairs of seconds and that mean, one for each collection.
    """

    seed: int
    seconds: float
    agent_steps: int
    mean_return: float
    curve: list[tuple[float, float]]

    @property
    def reached(self) -> bool:
        """True if the goal was reached before the steps were over."""
        return self.mean_return >= TARGET


def learn(env: VecEnv, seed: int) -> Learned:
    """Train until the last episodes have the return `TARGET`, or `MOST_STEPS` are over.

    Args:
        env: The plain CartPoles, with episodes that end when a pole falls.
        seed: Seeds the policy.
    """
    torch.set_num_threads(1)
    watch = _Watch()
    # Not by PPO's own argument, which calls env.seed: the rival's environment has none.
    set_random_seed(seed)
    model = PPO("MlpPolicy", env, device="cpu", **SETTINGS)
    model.learn(MOST_STEPS, callback=watch)
    return Learned(seed, watch.seconds, model.num_timesteps, watch.mean, watch.curve)


def time_collecting(env: VecEnv, seconds: float) -> Figures:
    """Time how PPO collects: stepping, its policy, and its buffer, but not what it learns from them.

    Args:
        env: What to collect from.
        seconds: How long to collect, at least.
    """
    torch.set_num_threads(1)
    stopwatch = _Stopwatch(seconds)
    PPO("MlpPolicy", env, device="cpu", n_steps=128, batch_size=128 * env.num_envs, n_epochs=1).learn(
        10**9, callback=stopwatch
    )
    return Figures(stopwatch.steps, stopwatch.steps * env.num_envs, stopwatch.seconds)


class _Watch(BaseCallback):
    """Follows the returns of all agents, and ends the training at the goal."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = 0.0
        self.seconds = 0.0
        self.curve: list[tuple[float, float]] = []
        self._recent: deque[float] = deque(maxlen=EPISODES)

    def _on_training_start(self) -> None:
        self._begin = time.perf_counter()
        self._returns = np.zeros(self.training_env.num_envs)

    def _on_step(self) -> bool:
        self._returns += self.locals["rewards"]
        for ended in np.flatnonzero(self.locals["dones"]):
            self._recent.append(float(self._returns[ended]))
            self._returns[ended] = 0.0
        self.seconds = time.perf_counter() - self._begin
        if len(self._recent) == EPISODES:
            self.mean = sum(self._recent) / EPISODES
        return self.mean < TARGET

    def _on_rollout_end(self) -> None:
        self.curve.append((self.seconds, self.mean))


class _Stopwatch(BaseCallback):
    """Adds up the time of collections, the first one left out."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = 0.0
        self.steps = 0
        self._wanted = seconds
        self._collections = 0
        self._begin = 0.0
        self._steps_before = 0

    def _on_rollout_start(self) -> None:
        self._steps_before = self.n_calls
        self._begin = time.perf_counter()

    def _on_rollout_end(self) -> None:
        self._collections += 1
        if self._collections > 1:
            self.seconds += time.perf_counter() - self._begin
            self.steps += self.n_calls - self._steps_before

    def _on_step(self) -> bool:
        return self.seconds < self._wanted

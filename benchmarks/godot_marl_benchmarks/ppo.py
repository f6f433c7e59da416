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

from godot_marl.bench.timing import Timing

TARGET = 240.0
"""The mean return of an episode at which the poles are balanced; the most is 250."""

EPISODES = 100
"""The mean is of so many episodes."""

MOST_STEPS = 400_000
"""Learning stops after so many agent-steps."""

# Few, large batches: the time of learning is the same for every environment, and hides the differences.
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
        seconds: How long it took, from the first reset to the target.
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
        """True if the target was reached within `MOST_STEPS`."""
        return self.mean_return >= TARGET


def learn(env: VecEnv, seed: int) -> Learned:
    """Train until the last episodes have the mean return `TARGET`, or for `MOST_STEPS`.

    Args:
        env: The scripted CartPoles, with episodes that end when a pole falls.
        seed: Seeds the policy.
    """
    torch.set_num_threads(1)
    watch = _Watch()
    # PPO's own argument calls env.seed, which the rival's environment lacks.
    set_random_seed(seed)
    model = PPO("MlpPolicy", env, device="cpu", **SETTINGS)
    model.learn(MOST_STEPS, callback=watch)
    return Learned(seed, watch.seconds, model.num_timesteps, watch.mean, watch.curve)


def time_collecting(env: VecEnv, seconds: float) -> Timing:
    """Time how PPO collects: steps, its policy and its buffer, without its learning.

    Args:
        env: What to collect from.
        seconds: How long to collect, at least.
    """
    torch.set_num_threads(1)
    stopwatch = _Stopwatch(seconds)
    PPO("MlpPolicy", env, device="cpu", n_steps=128, batch_size=128 * env.num_envs, n_epochs=1).learn(
        10**9, callback=stopwatch
    )
    return Timing(stopwatch.steps, stopwatch.steps * env.num_envs, stopwatch.seconds)


class _Watch(BaseCallback):
    """Follows the returns of all agents, and ends the training at the target."""

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
    """Adds up the time of collections, except the first one."""

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

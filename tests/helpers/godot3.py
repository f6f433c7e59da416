"""Godot 3, and the scenes of this folder's project that it plays."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from stable_baselines3 import PPO

PROJECT = Path(__file__).parents[1] / "godot3_project"
# For each scene: the spaces of its agent.
SPACES: dict[str, dict[str, spaces.Space[Any]]] = {
    "point": {"action_space": spaces.Discrete(2), "observation_space": spaces.Box(-np.inf, np.inf, (4,))},
    "puck": {"action_space": spaces.Box(-1, 1, (1,)), "observation_space": spaces.Box(-1, 1, (2,), np.float64)},
    "pole": {"action_space": spaces.Discrete(2), "observation_space": spaces.Box(-40, 40, (4,))},
    "faulty": {"action_space": spaces.Discrete(9), "observation_space": spaces.Box(0, 9, (2,))},
}

MakeServer = Callable[..., gymnasium.Env[Any, Any]]


def godot3(*, window: bool = False) -> str:
    """The program of Godot 3. A machine without it fails these tests; it never skips them."""
    name = "godot3" if window else "godot3-server"
    found = shutil.which(name)
    assert found, f"{name} is not installed: `make godot3` says how"
    return found


def command(scene: str, *, window: bool = False) -> str:
    """A line such as GymGodot's users give."""
    return f"cd '{PROJECT}' && {godot3(window=window)} {scene}/{scene}.tscn"


# What is certainly learned in the point: of 32 steps the best policy needs 12 to the middle, and gets about 28. Random
# actions get about 16, and always the same one 20 at most.
GOOD_RETURN = 23


def trained_return(env: gymnasium.Env[Any, Any]) -> float:
    """Train the point a little, and say what an episode is worth then."""
    model = PPO("MlpPolicy", env, n_steps=128, batch_size=64, learning_rate=0.005, gamma=0.9, seed=1, device="cpu")
    model.learn(512)
    observation, _ = env.reset()
    total, is_over = 0.0, False
    while not is_over:
        action, _ = model.predict(observation, deterministic=True)
        observation, reward, is_over, _, _ = env.step(int(action))
        total += float(reward)
    return total

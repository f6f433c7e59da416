"""Trains the puck as GymGodot's users do; `godot-marl migrate` reads its action space here."""

import gymnasium
import numpy as np
from gymnasium import spaces
from stable_baselines3 import PPO

import godot_marl  # noqa: F401 - registers the environment

limit = np.array([1.0], dtype=np.float32)
env = gymnasium.make(
    "godot_marl/server-v0",
    exeCmd="cd .. && godot3-server puck/puck.tscn",
    action_space=spaces.Box(low=-limit, high=limit, dtype=np.float32),
    observation_space=spaces.Box(-5, 5, (2,)),
    max_episode_steps=50,
)
PPO("MlpPolicy", env).learn(10_000)
env.close()

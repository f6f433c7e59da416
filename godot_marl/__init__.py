"""Any Godot scene becomes a PettingZoo environment."""

import gymnasium

from godot_marl import errors
from godot_marl.aec import env, raw_env
from godot_marl.gym import ENV_ID, GodotEnv
from godot_marl.gymgodot.env import ENV_ID as _SERVER_ENV_ID
from godot_marl.options import Options
from godot_marl.parallel import GodotParallelEnv, parallel_env
from godot_marl.vector import GodotVectorEnv, vector_env
from godot_marl.version import __version__
from godot_marl.wrappers import PaddedEnv, pad_agents

__all__ = [
    "GodotEnv",
    "GodotParallelEnv",
    "GodotVectorEnv",
    "Options",
    "PaddedEnv",
    "__version__",
    "env",
    "errors",
    "pad_agents",
    "parallel_env",
    "raw_env",
    "vector_env",
]

gymnasium.register(id=ENV_ID, entry_point="godot_marl.gym:GodotEnv")
# No checker: it would warn about observations outside of bounds that GymGodot never enforced.
gymnasium.register(id=_SERVER_ENV_ID, entry_point="godot_marl.gymgodot.env:GymGodotServerEnv", disable_env_checker=True)

"""Many arenas as a VecEnv of stable-baselines3."""

from godot_marl.sb3.vec_env import GodotVecEnv, vec_env

__all__ = ["GodotVecEnv", "vec_env"]

"""Many arenas as one Gymnasium VectorEnv."""

from godot_marl.vector.env import GodotVectorEnv, vector_env

__all__ = ["GodotVectorEnv", "vector_env"]

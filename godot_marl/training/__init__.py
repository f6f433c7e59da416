"""Trains the policies of a scene with stable-baselines3's PPO, evaluates them, and shows what they learned."""

from godot_marl.training.evaluation import Comparison, compare
from godot_marl.training.run import Run
from godot_marl.training.settings import Settings
from godot_marl.training.training import Progress, Training

__all__ = ["Comparison", "Progress", "Run", "Settings", "Training", "compare"]

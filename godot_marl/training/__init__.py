"""Trains the policies of a scene with stable-baselines3's PPO, evaluates them, and records them."""

from godot_marl.training.config import TrainingConfig
from godot_marl.training.evaluation import Comparison, compare
from godot_marl.training.run_directory import RunDirectory
from godot_marl.training.trainer import Progress, Trainer

__all__ = ["Comparison", "Progress", "RunDirectory", "Trainer", "TrainingConfig", "compare"]

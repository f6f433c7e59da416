"""Converts a Godot 3 project with GymGodot's node to a Godot 4 project with the bridge."""

from godot_marl.gymgodot.migration.migrate import migrate
from godot_marl.gymgodot.migration.report import MigrationReport, Note, State

__all__ = ["MigrationReport", "Note", "State", "migrate"]

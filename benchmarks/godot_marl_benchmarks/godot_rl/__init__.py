"""Measures Godot RL Agents on the same scenes."""

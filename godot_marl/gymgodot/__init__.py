"""Runs unchanged Godot 3 games with GymGodot's node as environments of today's Gymnasium."""

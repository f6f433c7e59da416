"""Measures how fast each form of an environment is, and how much of that is the engine's own time."""

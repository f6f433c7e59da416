"""Measures how fast each form of an environment is."""

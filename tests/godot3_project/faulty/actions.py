"""What the agent of this scene can do."""

from gymnasium import spaces

CHOICES = 10
action_space = spaces.Discrete(CHOICES - 1)

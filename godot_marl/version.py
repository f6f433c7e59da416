"""The version of this package and of the addon that belongs to it."""

__version__ = "0.2.0"

"""Finds the Godot executable, or installs one for this user.

`ensure_engine` returns the specified engine, else one on PATH, else the installed one, else it installs one.
`find_engine` does the same without installing.
"""

from godot_marl.engine._find import find_engine
from godot_marl.engine._install import choose_providers, ensure_engine, install_engine
from godot_marl.engine._model import MINIMUM_VERSION, Engine, Progress, Provider, ProviderName, Report

__all__ = [
    "MINIMUM_VERSION",
    "Engine",
    "Progress",
    "Provider",
    "ProviderName",
    "Report",
    "choose_providers",
    "ensure_engine",
    "find_engine",
    "install_engine",
]

"""Find the Godot executable, or install one for this user.

`ensure_engine` is what starts a game: it takes the engine that was named, else one on PATH, else the one installed
before, else it installs one. `find_engine` does the same without installing.
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

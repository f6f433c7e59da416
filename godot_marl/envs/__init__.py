"""The example environments that come with the package, one module each."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

from godot_marl.assets.install import prepare_example
from godot_marl.assets.paths import example_names
from godot_marl.envs._factory import ScriptedPolicy

__all__ = ["ScriptedPolicy", "prepare_example", "scripted_policies"]


def scripted_policies(example: str) -> Mapping[str, ScriptedPolicy]:
    """Return the scripted players of an example, by policy name; empty if there is no example of this name."""
    if example not in example_names():
        return {}
    policies: Mapping[str, ScriptedPolicy] = importlib.import_module(f"godot_marl.envs.{example}_v0").SCRIPTED
    return policies

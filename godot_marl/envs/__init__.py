"""The example environments that come with the package, one module each."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

from godot_marl.envs._example import ScriptedPolicy
from godot_marl.resources import example_names

__all__ = ["ScriptedPolicy", "scripted_policies"]


def scripted_policies(example: str) -> Mapping[str, ScriptedPolicy]:
    """The scripted opponents of an example by policy name; none where the name is no example's."""
    if example not in example_names():
        return {}
    policies: Mapping[str, ScriptedPolicy] = importlib.import_module(f"godot_marl.envs.{example}_v0").SCRIPTED
    return policies

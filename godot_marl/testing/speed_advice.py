"""Advises project settings that make many copies of a scene faster."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from godot_marl.game.project import Project
from godot_marl.options import Game
from godot_marl.testing.report import Finding, Level

CHECK = "speed"

_BODIES = re.compile(r'type="(?:RigidBody|CharacterBody|AnimatableBody|Area)[23]D"')
_THREADS = "worker_pool/max_threads"
_JOLT_BUFFER = "jolt_physics_3d/limits/temporary_memory_buffer_size"


def advise(game: Game, scene: str | None) -> Iterator[Finding]:
    """Yield the project settings that make copies of a scene with physics bodies cheaper.

    Args:
        game: A project folder; other games yield no advice, because their settings cannot be read.
        scene: The scene, or None for the project's main scene.
    """
    if game is None or not Path(os.fspath(game), "project.godot").is_file():
        return
    project = Project(game)
    if not any(_BODIES.search(text) for text in project.texts_of(project.scene_path(scene))):
        return
    if project.setting(_THREADS) != "1":
        yield Finding(
            CHECK,
            Level.NOTE,
            "Each copy has a physics space, and each space wakes all threads of the engine's pool in each frame.",
            "threading/worker_pool/max_threads in project.godot",
            "Set it to 1, at least in a copy of the project for training, or train with layout='shared'.",
        )
    is_jolt = project.setting("3d/physics_engine") == '"Jolt Physics"'
    if is_jolt and project.setting(_JOLT_BUFFER) != "1":
        yield Finding(
            CHECK,
            Level.NOTE,
            "With Jolt each copy takes about 34 MB.",
            "physics/jolt_physics_3d/limits/temporary_memory_buffer_size in project.godot",
            "Set it to 1 (MB), which is enough for small scenes.",
        )

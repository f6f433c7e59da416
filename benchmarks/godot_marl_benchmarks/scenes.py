"""Scenes beside those of the shipped project: agents that come and go, and many agents in one node."""

from __future__ import annotations

import shutil
from pathlib import Path

from godot_marl.bench.project import BenchProject

_FOLDER = Path(__file__).resolve().parents[1] / "scenes"


def add_scenes(project: BenchProject) -> None:
    """Copy the scenes and their scripts into the project, before it is imported."""
    shutil.copytree(_FOLDER, project.folder, ignore=shutil.ignore_patterns("*.uid"), dirs_exist_ok=True)

"""Godot RL Agents, which the user gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from godot_marl.errors import GameNotFoundError
from godot_marl_benchmarks.godot_rl.runner import Rival


def test_a_folder_without_the_rivals_addon_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(GameNotFoundError, match=r"no sync\.gd"):
        Rival(tmp_path)

"""Options of a vector environment that cannot work."""

from __future__ import annotations

import pytest

import godot_marl
from godot_marl import errors


def test_several_processes_need_a_game_that_python_starts() -> None:
    with pytest.raises(errors.InvalidOptionError, match="a game that Python starts"):
        godot_marl.vector_env(None, processes=2)

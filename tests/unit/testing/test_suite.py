"""Options of the conformance suite that cannot work."""

from __future__ import annotations

import pytest

from godot_marl.errors import InvalidOptionError
from godot_marl.testing import check_scene


def test_a_game_by_hand_cannot_be_checked() -> None:
    with pytest.raises(InvalidOptionError):
        check_scene(None)

"""The scripted player of CartPole."""

from __future__ import annotations

import numpy as np

from godot_marl.envs import cartpole_v0


def test_the_scripted_player_pushes_to_the_side_to_which_the_pole_leans() -> None:
    act, rng = cartpole_v0.SCRIPTED["default"], np.random.default_rng(1)
    upright = np.zeros(4, np.float32)
    assert act(upright + np.float32([5.0, 1.0, 0.01, -0.2]), None, rng) == 1
    assert act(upright + np.float32([-5.0, -1.0, -0.01, 0.2]), None, rng) == 0
    assert {act(upright, None, rng) for _ in range(20)} == {0, 1}

"""The arguments of `godot_marl/server-v0`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from godot3 import SPACES
from gymnasium import spaces

from godot_marl import errors
from godot_marl.gymgodot.env import GymGodotServerEnv


def test_gymgodots_own_defaults_and_types(tmp_path: Path) -> None:
    env = GymGodotServerEnv("127.0.0.1", "8000", None, spaces.Discrete(2), spaces.Box(-1, 1, (4,)), "thread", True, 60)
    assert env._settings.port == 8000
    assert env._settings.window_render
    assert env._settings.render_path == f"{Path.cwd().as_posix()}/render_frames/"
    assert env.metadata["render_fps"] == 60
    with pytest.raises(errors.ResetNeededError):
        env.step(0)


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"proc_mode": "fork"}, "proc_mode"),
        ({"serverPort": "http"}, "serverPort"),
        ({"serverPort": 65536}, "serverPort"),
        ({"serverIP": ""}, "serverIP"),
        ({"env_fps": 0}, "env_fps"),
        ({"window_render": 1}, "window_render"),
        ({"renderPath": "a=b"}, "renderPath"),
        ({"step_timeout": 0}, "step_timeout"),
        ({"start_timeout": "soon"}, "start_timeout"),
    ],
)
def test_an_argument_that_cannot_work_is_an_error_at_once(options: dict[str, Any], where: str) -> None:
    with pytest.raises(errors.InvalidOptionError) as error:
        GymGodotServerEnv(**SPACES["point"], **options)
    assert error.value.where == where

"""The options of environments: their names, their defaults, and that each is taken. Adding an option is allowed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from gymnasium import spaces

import godot_marl
from godot_marl import errors
from godot_marl.options import Options

OPTIONS: dict[str, Any] = {
    "scene": None,
    "engine": None,
    "command": None,
    "host": "127.0.0.1",
    "port": None,
    "token": None,
    "ssl": None,
    "step_length": None,
    "physics_fps": None,
    "human_agents": (),
    "render_mode": None,
    "render_size": None,
    "render_path": None,
    "action_space": None,
    "observation_space": None,
    "start_timeout": None,
    "step_timeout": 60.0,
    "turn_timeout": 10.0,
    "seed": None,
    "max_episode_steps": None,
    "exact_reset": False,
    "checks": True,
    "mask_in_observation": True,
}
VALUES: dict[str, Any] = {
    "scene": "res://main.tscn",
    "engine": Path("godot"),
    "command": ["godot", "--headless"],
    "host": "::1",
    "port": 0,
    "token": "secret",
    "ssl": ("certificate.pem", "key.pem"),
    "step_length": 4,
    "physics_fps": 60,
    "human_agents": ["player_0"],
    "render_mode": "human",
    "render_size": (640, 480),
    "render_path": Path("frames"),
    "action_space": spaces.Discrete(2),
    "observation_space": {"player_0": spaces.Box(-1.0, 1.0, (2,))},
    "start_timeout": 5,
    "step_timeout": 0.5,
    "turn_timeout": 1.5,
    "seed": 7,
    "max_episode_steps": 100,
    "exact_reset": True,
    "checks": False,
    "mask_in_observation": False,
}


def test_every_option_is_there_with_its_default() -> None:
    now = {field.name: field.default for field in dataclasses.fields(Options)}
    assert {name: now.get(name, "gone") for name in OPTIONS} == OPTIONS
    options = Options()
    assert {name: getattr(options, name) for name in OPTIONS} == OPTIONS
    added = [field for field in dataclasses.fields(Options) if field.name not in OPTIONS]
    assert all(field.default is not dataclasses.MISSING for field in added)


def test_options_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Options().seed = 1  # type: ignore[misc]


@pytest.mark.parametrize("name", VALUES)
def test_every_option_is_taken(name: str) -> None:
    assert set(VALUES) == set(OPTIONS)
    game = None if name == "command" else "nowhere"
    godot_marl.GodotParallelEnv(game, **{name: VALUES[name]})
    godot_marl.GodotEnv(game, **{name: VALUES[name]})


@pytest.mark.parametrize("mode", [None, "human", "rgb_array"])
def test_render_modes(mode: str | None) -> None:
    assert godot_marl.parallel_env("nowhere", render_mode=mode).render_mode == mode


@pytest.mark.parametrize(
    "make", [godot_marl.parallel_env, godot_marl.env, godot_marl.raw_env, godot_marl.vector_env, godot_marl.GodotEnv]
)
def test_an_unknown_option_is_an_error_that_names_it(make: Any) -> None:
    with pytest.raises(errors.InvalidOptionError) as caught:
        make("nowhere", sceen="main.tscn")
    assert caught.value.where == "sceen"
    assert caught.value.remedy == "Did you mean scene?"

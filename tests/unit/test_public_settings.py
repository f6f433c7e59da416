"""The keys of train.toml, and of the settings in run.json, which old trainings have. Adding a key is allowed.

Both are read by the command line here, up to the engine that is not there: the settings are checked before.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from godot_marl.cli import main

KEYS = [
    "steps",
    "max_episode_steps",
    "checkpoint_every",
    "best_of",
    "processes",
    "deterministic",
    "opponents",
    "opponent_sides",
    "sides",
    "ppo",
    "policies",
    "stages",
]
STAGE_KEYS = ["from_step", "opponents", "opponent_sides", "ppo", "policies"]
# Every key, every opponent, and every argument of PPO that a stage may change.
WHOLE = """\
steps = 1000
max_episode_steps = 100
checkpoint_every = 500
best_of = 2
processes = 2
deterministic = false
opponent_sides = ["red", "red", "blue"]

[opponents]
past_selves = 0.25
scripted = 0.25
random = 0.5

[sides]
red = ["red_0", "red_1"]
blue = ["blue_0"]

[ppo]
n_steps = 64
policy_kwargs = { net_arch = [8] }

[policies.player]
learning_rate = 1e-4

[[stages]]
from_step = 100
opponents = { random = 1.0 }
opponent_sides = ["blue"]
ppo = { n_steps = 32, batch_size = 32, n_epochs = 2, learning_rate = 1e-4, ent_coef = 0.1, gamma = 0.9, gae_lambda = 1 }
policies.player = { learning_rate = 1e-5 }
"""
# As a training wrote it into its folder.
RUN: dict[str, Any] = {
    "game": "cartpole",
    "scene": None,
    "seed": 3,
    "settings": {
        "steps": 1000,
        "max_episode_steps": 100,
        "checkpoint_every": 500,
        "best_of": 2,
        "processes": 2,
        "deterministic": False,
        "opponents": {"past_selves": 0.25, "scripted": 0.25, "random": 0.5},
        "opponent_sides": ["red", "red", "blue"],
        "sides": {"red": ["red_0", "red_1"], "blue": ["blue_0"]},
        "ppo": {"n_steps": 64, "policy_kwargs": {"net_arch": [8]}},
        "policies": {"player": {"learning_rate": 0.0001}},
        "stages": [{"from_step": 100, "opponents": {"random": 1.0}, "ppo": {"n_steps": 32}}],
    },
}


def fault_of(*arguments: str | Path) -> str:
    """What a command says as it ends with status 1, without a traceback."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 1, result.output
    return result.output


def fault_of_settings(folder: Path, text: str) -> str:
    """What `train` says of these settings."""
    path = folder / "train.toml"
    path.write_text(text)
    return fault_of("train", folder, "--settings", path, "--engine", folder / "nowhere")


def fault_of_run(folder: Path, config: dict[str, Any]) -> str:
    """What `evaluate` says of the folder of a training with this run.json."""
    (folder / "run.json").write_text(json.dumps(config))
    return fault_of("evaluate", folder, "--engine", folder / "nowhere")


def keys_in(fault: str) -> list[str]:
    (keys,) = re.findall(r"expected: the keys (.+)", fault)
    return str(keys).split(", ")


def test_every_key_of_train_toml_is_named(tmp_path: Path) -> None:
    assert set(keys_in(fault_of_settings(tmp_path, "stepz = 1"))) >= set(KEYS)
    assert set(keys_in(fault_of_settings(tmp_path, "[[stages]]\nsteps = 1"))) >= set(STAGE_KEYS)


def test_a_train_toml_with_every_key_is_taken(tmp_path: Path) -> None:
    assert all(re.search(rf"^\[*{key}\b", WHOLE, re.MULTILINE) for key in KEYS)
    assert fault_of_settings(tmp_path, WHOLE).startswith("EngineNotFoundError: ")


@pytest.mark.parametrize("argument", ["clip_range = 0.2", "n_epoch = 2"])
def test_a_train_toml_that_cannot_be_used_is_not_taken(tmp_path: Path, argument: str) -> None:
    text = f"[[stages]]\nfrom_step = 5\nppo = {{ {argument} }}"
    assert fault_of_settings(tmp_path, text).startswith("InvalidOptionError: The settings cannot be used.")


def test_the_settings_of_a_game_come_from_its_train_toml(tmp_path: Path) -> None:
    (tmp_path / "train.toml").write_text("steps = 0")
    (tmp_path / "train.small.toml").write_text("steps = 'few'")
    engine = ["--engine", str(tmp_path / "nowhere")]
    assert "train.toml\n" in fault_of("train", tmp_path, *engine)
    assert "train.toml\n" in fault_of("train", tmp_path, "--scene", "large.tscn", *engine)
    assert "train.small.toml\n" in fault_of("train", tmp_path, "--scene", "small.tscn", *engine)


def test_a_run_json_of_before_is_read(tmp_path: Path) -> None:
    assert list(RUN["settings"]) == KEYS
    assert fault_of_run(tmp_path, RUN).startswith("EngineNotFoundError: ")


def test_a_run_json_with_few_settings_has_the_others_by_default(tmp_path: Path) -> None:
    assert fault_of_run(tmp_path, {**RUN, "settings": {"steps": 5}}).startswith("EngineNotFoundError: ")

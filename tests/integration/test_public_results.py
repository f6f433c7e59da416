"""The files that a training leaves, which programs of users read. Adding files and keys is allowed."""

from __future__ import annotations

import base64
import csv
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from stable_baselines3 import PPO

from godot_marl.cli import main

pytestmark = pytest.mark.godot

ROOT = Path(__file__).parents[2]
TRAIN_TOML = "steps = 128\ncheckpoint_every = 64\n[ppo]\nn_steps = 64\nbatch_size = 32\nn_epochs = 1\n"
# What the file does not say has its default.
SETTINGS = {
    "steps": 128,
    "max_episode_steps": 10_000,
    "checkpoint_every": 64,
    "best_of": 1,
    "processes": 1,
    "deterministic": True,
    "opponents": {},
    "opponent_sides": [],
    "sides": {},
    "ppo": {"n_steps": 64, "batch_size": 32, "n_epochs": 1},
    "policies": {},
    "stages": [],
}
COMPARISON: dict[str, type | tuple[type, ...]] = {
    "side": str,
    "against": str,
    "episodes": int,
    "trained": float,
    "other": float,
    "low": float,
    "high": float,
    "difference": float,
    "is_better": bool,
    "seed": int,
    "steps": dict,
}
FILES = [
    "run.json",
    "episodes.csv",
    "learning_curve.png",
    "evaluation.json",
    "tensorboard",
    "checkpoints/000000064/default.zip",
    "checkpoints/000000128/default.zip",
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a brief training of CartPole."""
    folder = tmp_path_factory.mktemp("training")
    (folder / "train.toml").write_text(TRAIN_TOML)
    options = ["--settings", folder / "train.toml", "--out", folder / "out", "--seed", 3, "--episodes", 2, "--no-video"]
    result = CliRunner().invoke(main, ["train", "cartpole", *map(str, options)])
    assert result.exit_code == 0, result.output
    return folder / "out"


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_there(trained: Path, name: str) -> None:
    assert (trained / name).exists()


def test_run_json_says_how_the_training_was_made(trained: Path) -> None:
    run = read(trained / "run.json")
    settings = run["settings"]
    assert {key: settings.get(key, "gone") for key in SETTINGS} == SETTINGS
    assert run.items() >= {"game": "cartpole", "scene": None, "seed": 3}.items()


def test_evaluation_json_has_a_row_for_each_side_and_opponent(trained: Path) -> None:
    rows = read(trained / "evaluation.json")
    assert [(row["side"], row["against"]) for row in rows] == [("default", "random"), ("default", "scripted")]
    for row in rows:
        assert {key: type(row[key]) for key in COMPARISON} == COMPARISON
        assert (row["episodes"], row["seed"]) == (2, 1_000_000)
        assert row["difference"] == pytest.approx(row["trained"] - row["other"])
        assert set(row["steps"]) == {"default"}


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*/evaluation*.json")), ids=lambda path: path.parent.name)
def test_the_evaluations_of_examples_have_the_same_keys(path: Path) -> None:
    for row in read(path):
        assert {key: type(row[key]) for key in COMPARISON} == COMPARISON


def test_episodes_csv_has_a_column_for_each_side(trained: Path) -> None:
    with (trained / "episodes.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["steps", "length", "default"]
    steps, length, mean = rows[1]
    assert int(steps) >= int(length) > 0
    assert float(mean) > 0.0


def test_a_checkpoint_is_a_model_that_stable_baselines3_loads_alone(trained: Path) -> None:
    """It names nothing of this package, so that it can be loaded after our modules have changed."""
    path = trained / "checkpoints" / "000000128" / "default.zip"
    assert PPO.load(path, device="cpu").num_timesteps > 0
    with zipfile.ZipFile(path) as archive:
        data = json.loads(archive.read("data"))
    pickles = [base64.b64decode(value[":serialized:"]) for value in data.values() if ":serialized:" in str(value)]
    assert any(b"gymnasium" in pickle for pickle in pickles)
    assert not any(b"godot_marl" in pickle for pickle in pickles)

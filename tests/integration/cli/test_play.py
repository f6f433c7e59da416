"""`godot-marl play`, briefly, on the real engine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from commands import run, train_briefly
from fake_models import write_model

pytestmark = pytest.mark.godot


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training that was over in seconds."""
    settings = "steps = 64\nmax_episode_steps = 30\n[ppo]\nn_steps = 64\n"
    return train_briefly(tmp_path_factory.mktemp("runs"), "cartpole", settings)


@pytest.mark.usefixtures("display")
def test_play_shows_a_window(trained: Path) -> None:
    result = run("play", "cartpole", trained)
    assert result.exit_code == 0, result.output
    assert "episode 1: return default " in result.output


def test_a_person_needs_a_window(trained: Path) -> None:
    result = run("play", "cartpole", trained, "--human", "cart_0", "--render", "none")
    assert result.exit_code == 2
    assert "--human needs a window" in result.output


@pytest.mark.usefixtures("display")
def test_a_person_cannot_play_a_missing_agent() -> None:
    result = run("play", "cartpole", "--human", "cart_1")
    assert result.exit_code == 1
    assert "cart_0" in result.output


def test_play_records_a_video_of_each_episode(trained: Path) -> None:
    result = run("play", "cartpole", trained, "--render", "video", "--episodes", 2)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (trained / "video").iterdir()) == ["cartpole-0.mp4", "cartpole-1.mp4"]


def test_play_without_a_training_takes_random_actions() -> None:
    results = [run("play", "tag", "--render", "none", "--seed", seed) for seed in (1, 1, 2)]
    assert all(result.exit_code == 0 for result in results), results[0].output
    assert results[0].output == results[1].output != results[2].output
    assert results[0].output.startswith("episode 1: return chaser ")


def test_a_file_without_a_model_is_an_error(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text((trained / "run.json").read_text())
    checkpoint = tmp_path / "checkpoints" / "000000001"
    checkpoint.mkdir(parents=True)
    write_model(checkpoint / "default.zip", "not what a model has in it")
    result = run("play", "cartpole", tmp_path, "--render", "none")
    assert result.exit_code == 1
    assert "The model could not be loaded." in result.output


def test_a_training_of_another_game(trained: Path, scenes: Path) -> None:
    for game, got in (("tag", "tag"), (scenes, scenes.resolve())):
        result = run("play", game, trained, "--render", "none")
        assert result.exit_code == 1
        where = f"  where: {trained}\n  expected: the game cartpole\n  got: {got}\n"
        assert f"InvalidOptionError: The folder holds the training of another game.\n{where}" in result.output


def test_a_model_of_another_scene(trained: Path, scenes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(trained, out)
    config = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps({**config, "game": str(scenes)}))
    result = run("play", scenes, out, "--scene", "walker.tscn", "--render", "none")
    assert result.exit_code == 1
    assert "The model was trained with other spaces than the scene has now." in result.output

"""`godot-marl train` and `godot-marl play`, briefly, on the real engine."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import imageio.v3
import pytest
from click.testing import CliRunner, Result
from processes import becomes_true

from godot_marl.cli import main

pytestmark = pytest.mark.godot

STEPS = "256"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Settings for a training that is over in seconds."""
    path = tmp_path_factory.mktemp("settings") / "train.toml"
    path.write_text(f"steps = {STEPS}\nmax_episode_steps = 30\n[ppo]\nn_steps = 128\n")
    return path


@pytest.fixture(scope="module")
def trained(settings: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    out = tmp_path_factory.mktemp("runs") / "short"
    return out, run("train", "cartpole", "--settings", settings, "--episodes", "2", "--out", out)


def test_train_writes_every_result_and_says_where(trained: tuple[Path, Result]) -> None:
    out, result = trained
    assert result.exit_code == 0, result.output
    assert "mean return " in result.output
    for name in ("model.zip", "learning_curve.png", "tensorboard", "video/cartpole-episode-0.mp4"):
        assert (out / name).exists()
        assert str(out / name) in result.output
    assert list((out / "tensorboard").rglob("events.out.tfevents.*"))


# imageio leaves ffmpeg's pipes to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_video_shows_the_scene(trained: tuple[Path, Result]) -> None:
    frames = imageio.v3.imread(trained[0] / "video" / "cartpole-episode-0.mp4")
    assert frames.shape[1:] == (540, 960, 3)
    assert len(frames) > 5
    assert (frames[0] != frames[-1]).mean() > 0.005


def test_train_refuses_to_overwrite_results(trained: tuple[Path, Result], settings: Path) -> None:
    result = run("train", "cartpole", "--settings", settings, "--out", trained[0])
    assert result.exit_code == 1
    assert "The folder holds the results of another training." in result.output


@pytest.mark.usefixtures("display")
def test_play_shows_a_window(trained: tuple[Path, Result], settings: Path) -> None:
    result = run("play", "cartpole", trained[0] / "model.zip", "--settings", settings)
    assert result.exit_code == 0, result.output
    assert "episode 1: return " in result.output


def test_play_records_a_video_of_each_episode(trained: tuple[Path, Result], settings: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.zip"
    model.write_bytes((trained[0] / "model.zip").read_bytes())
    result = run("play", "cartpole", model, "--settings", settings, "--render", "video", "--episodes", "2")
    assert result.exit_code == 0, result.output
    videos = sorted(path.name for path in (tmp_path / "video").iterdir())
    assert videos == ["cartpole-episode-0.mp4", "cartpole-episode-1.mp4"]


def test_ctrl_c_keeps_what_was_learned(tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "godot_marl", "train", "cartpole", "--steps", "1000000", "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        assert becomes_true(lambda: process.poll() is not None or episodes_in(out / "monitor.csv") > 2, seconds=60)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, output
    assert "interrupted after" in output
    assert (out / "model.zip").exists()


def episodes_in(monitor: Path) -> int:
    """How many episodes have ended; the file has two lines of header."""
    return monitor.read_text().count("\n") - 2 if monitor.exists() else 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("stepz = 1", "expected: the keys max_episode_steps, ppo, steps"),
        ("steps = 0", "expected: steps as an integer of at least 1"),
        ("steps =", "expected: a TOML file"),
        ("[ppo]\nlerning_rate = 1", "expected: arguments of stable_baselines3.PPO"),
    ],
)
def test_settings_that_cannot_be_used(text: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "train.toml"
    path.write_text(text)
    result = run("train", "cartpole", "--settings", path, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert expected in result.output
    assert not (tmp_path / "out" / "model.zip").exists()


def test_unknown_game() -> None:
    result = run("train", "cartpoel")
    assert result.exit_code == 1
    assert result.output.startswith("GameNotFoundError: There is no such game.\n  where: cartpoel\n")


def test_a_model_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "model.zip").write_text("not a model")
    for name in ("model.zip", "missing.zip"):
        result = run("play", "cartpole", tmp_path / name, "--render", "none")
        assert result.exit_code == 1
        assert "The model could not be loaded." in result.output

"""Trainings that were killed, or could not start, on the real engine: they resume, or start again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from commands import episodes_in, run, start_training, train_briefly
from processes import becomes_true, leaves_nothing, new_mark

from godot_marl.training import RunDirectory

pytestmark = pytest.mark.godot

STEPS = 128
BRIEFLY = f"steps = {STEPS}\nmax_episode_steps = 20\ncheckpoint_every = 64\n[ppo]\nn_steps = 64\n"
QUICKLY = ("--no-video", "--episodes", 2)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training with a seed of its own, from its begin to its end."""
    return train_briefly(tmp_path_factory.mktemp("runs"), "cartpole", BRIEFLY, "--seed", 5)


def damaged(trained: Path, folder: Path, *names: str) -> Path:
    """A copy of a training with these checkpoints damaged."""
    shutil.copytree(trained, folder)
    for name in names:
        model = folder / "checkpoints" / name / "default.zip"
        model.write_bytes(model.read_bytes()[:5000])
    return folder


def test_a_killed_training_resumes_from_its_checkpoint(tmp_path: Path) -> None:
    path, out, mark = tmp_path / "train.toml", tmp_path / "out", new_mark()
    path.write_text(BRIEFLY.replace(f"steps = {STEPS}", "steps = 1_000_000", 1))
    process = start_training(mark, "--settings", str(path), "--out", str(out))
    try:
        assert becomes_true(lambda: (out / "checkpoints" / "000000128").is_dir(), seconds=60)
    finally:
        process.kill()
        process.communicate(timeout=60)
    assert leaves_nothing(mark)
    reached = max(int(folder.name) for folder in (out / "checkpoints").glob("0*"))
    result = run("train", "cartpole", "--resume", out, "--steps", reached + 50, "--no-video", "--episodes", 2)
    assert result.exit_code == 0, result.output
    assert (out / "checkpoints" / f"{reached + 50:09d}").is_dir()


def test_a_training_that_was_killed_before_its_first_checkpoint_starts_again(trained: Path, tmp_path: Path) -> None:
    path, out, mark = tmp_path / "train.toml", tmp_path / "out", new_mark()
    endless = BRIEFLY.replace(f"steps = {STEPS}", "steps = 1_000_000", 1)
    path.write_text(endless.replace("checkpoint_every = 64", "checkpoint_every = 1_000_000"))
    process = start_training(mark, "--settings", str(path), "--seed", "5", "--out", str(out))
    try:
        assert becomes_true(lambda: process.poll() is not None or len(episodes_in(out)) > 2, seconds=60)
    finally:
        process.kill()
        process.communicate(timeout=60)
    assert leaves_nothing(mark)
    assert not (out / "checkpoints").exists()
    assert episodes_in(out)
    result = run("train", "cartpole", "--resume", out, "--steps", STEPS, *QUICKLY)
    assert result.exit_code == 0, result.output
    assert f"{out} has no checkpoint: the training starts from the beginning" in result.output
    assert (out / "checkpoints" / f"{STEPS:09d}").is_dir()
    # With the same seed, too: it is the training that it would have been.
    assert (out / "episodes.csv").read_text() == (trained / "episodes.csv").read_text()


def test_resume_evaluate_and_play_leave_out_a_checkpoint_that_cannot_be_read(
    trained: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = damaged(trained, tmp_path / "run", "000000128")
    episodes = out / "episodes.csv"
    episodes.write_bytes(episodes.read_bytes() + b"12")
    before = [steps for steps in episodes_in(trained) if steps <= 64]
    for command in (
        ["evaluate", out, "--episodes", 2],
        ["play", "cartpole", out, "--render", "none"],
        ["train", "cartpole", "--resume", out, "--steps", 140, *QUICKLY],
    ):
        result = run(*command)
        assert result.exit_code == 0, result.output
    # Each would say so; here they share a process, and it is said once.
    (warning,) = caplog.messages
    assert warning.startswith(f"the checkpoint {out / 'checkpoints' / '000000128'} cannot be read and is left out (")
    after = episodes_in(out)
    assert after[: len(before)] == before
    assert after == sorted(after)
    # What could not be read was made again on the way.
    assert [path.name for path in RunDirectory.open(out).checkpoints()] == ["000000064", "000000128", "000000140"]
    assert len(caplog.messages) == 1


def test_a_training_none_of_whose_checkpoints_can_be_read(trained: Path, tmp_path: Path) -> None:
    out = damaged(trained, tmp_path / "run", "000000064", "000000128")
    for command in (
        ["train", "cartpole", "--resume", out],
        ["evaluate", out],
        ["play", "cartpole", out, "--render", "none"],
    ):
        result = run(*command)
        assert result.exit_code == 1
        assert "None of the training's checkpoints can be read." in result.output
    shutil.rmtree(out / "checkpoints")
    result = run("train", "cartpole", "--resume", out, *QUICKLY)
    assert result.exit_code == 0, result.output
    assert (out / "episodes.csv").read_text() == (trained / "episodes.csv").read_text()


@pytest.mark.parametrize("wrong", ["lerning_rate = 1", "learning_rate = 'fast'"])
def test_a_training_that_could_not_start_does_not_block_the_next(wrong: str, tmp_path: Path) -> None:
    path, out = tmp_path / "train.toml", tmp_path / "out"
    path.write_text(f"[ppo]\n{wrong}")
    result = run("train", "cartpole", "--settings", path, "--out", out)
    assert result.exit_code == 1
    assert "expected: arguments of PPO" in result.output
    assert not out.exists()
    path.write_text(BRIEFLY)
    result = run("train", "cartpole", "--settings", path, "--out", out, *QUICKLY)
    assert result.exit_code == 0, result.output
    assert json.loads((out / "run.json").read_text())["settings"]["steps"] == STEPS


def test_a_training_without_its_scripted_opponent_does_not_block_the_next(scenes: Path, tmp_path: Path) -> None:
    path, out = tmp_path / "train.toml", tmp_path / "out"
    path.write_text("[opponents]\nscripted = 0.5\n")
    game = ["train", scenes, "--scene", "herd.tscn", "--out", out]
    result = run(*game, "--settings", path)
    assert result.exit_code == 1
    assert "The game has no scripted opponent." in result.output
    assert not out.exists()
    path.write_text(BRIEFLY)
    result = run(*game, "--settings", path, *QUICKLY)
    assert result.exit_code == 0, result.output

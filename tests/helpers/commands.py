"""Runs our commands: in this process, and trainings that are to be ended in one of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result
from processes import MARK

from godot_marl.cli import main


def run(*arguments: str | Path | int) -> Result:
    """Run `godot-marl` with these arguments."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def train_briefly(folder: Path, game: str, settings: str, *options: str | int) -> Path:
    """The folder of a training with these settings, without a video, which has come to its end."""
    path, out = folder / "train.toml", folder / "out"
    path.write_text(settings)
    brief = ["--episodes", 2, "--no-video", *options]
    result = run("train", game, "--settings", path, "--out", out, *brief)
    assert result.exit_code == 0, result.output
    return out


def start_training(mark: str, *arguments: str) -> subprocess.Popen[str]:
    """Start `godot-marl train cartpole` with these arguments."""
    return subprocess.Popen(
        [sys.executable, "-m", "godot_marl", "train", "cartpole", "--no-video", "--episodes", "2", *arguments],
        env={**os.environ, MARK: mark},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def episodes_in(run_folder: Path) -> list[int]:
    """The steps at which the episodes ended."""
    path = run_folder / "episodes.csv"
    return [int(line.split(",")[0]) for line in path.read_text().splitlines()[1:]] if path.exists() else []

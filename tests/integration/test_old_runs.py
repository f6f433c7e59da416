"""Trainings of earlier versions, in `tests/compatibility/`, are played, evaluated and resumed by this one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from stored_models import entries, pickles, weights

from godot_marl.cli import main

COMPATIBILITY = Path(__file__).parents[1] / "compatibility"
GAMES = ("cartpole", "connect_four")


def run(*arguments: str | Path | int) -> Result:
    """Run `godot-marl` with these arguments."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A copy of the trainings of 0.1.0."""
    return Path(shutil.copytree(COMPATIBILITY / "run-0.1.0", tmp_path / "runs"))


@pytest.mark.godot
def test_an_old_run_is_evaluated(old: Path) -> None:
    run("evaluate", old / "cartpole", "--episodes", 4)
    rows = json.loads((old / "cartpole" / "evaluation.json").read_text())
    assert [row["against"] for row in rows] == ["random", "scripted"]
    assert rows[0]["steps"] == {"default": 256}
    # The limit of its settings; most policies that learned nothing end after 8 steps.
    assert rows[0]["trained"] == 50.0
    assert rows[0]["is_better"]


@pytest.mark.godot
def test_an_old_run_with_masks_turns_and_a_best_checkpoint_is_evaluated(old: Path) -> None:
    run("evaluate", old / "connect_four", "--episodes", 2)
    rows = json.loads((old / "connect_four" / "evaluation.json").read_text())
    assert [(row["side"], row["against"]) for row in rows] == [
        ("first", "random"), ("second", "random"), ("first", "scripted"), ("second", "scripted")
    ]  # fmt: skip
    assert all(row["steps"] == {"player": 64} for row in rows)


@pytest.mark.godot
def test_an_old_run_is_played(old: Path) -> None:
    result = run("play", "cartpole", old / "cartpole", "--render", "none", "--episodes", 2)
    assert result.output == "episode 1: return default 50.00\nepisode 2: return default 50.00\n"
    result = run("play", "connect_four", old / "connect_four", "--render", "none")
    assert result.output.startswith("episode 1: return first ")


@pytest.mark.godot
@pytest.mark.parametrize(("game", "policy", "steps"), [("cartpole", "default", 256), ("connect_four", "player", 128)])
def test_an_old_run_is_resumed(old: Path, game: str, policy: str, steps: int) -> None:
    folder = old / game
    episodes = (folder / "episodes.csv").read_text()
    run("train", game, "--resume", folder, "--steps", steps + 64, "--episodes", 2, "--no-video")
    before, after = (folder / "checkpoints" / f"{at:09d}" / f"{policy}.zip" for at in (steps, steps + 64))
    # An update of 64 steps takes two epochs.
    assert entries(after)["_n_updates"] == entries(before)["_n_updates"] + 2 > 2
    assert weights(after) != weights(before)
    more = (folder / "episodes.csv").read_text()
    assert more.startswith(episodes)
    assert all(steps < int(line.split(",")[0]) <= steps + 64 for line in more[len(episodes) :].splitlines())
    # Python could not load a model that names a module of ours once that module has moved.
    assert b"godot_marl" not in pickles(after)

"""`godot-marl train` and `godot-marl evaluate`, briefly, on the real engine."""

from __future__ import annotations

import csv
import json
import shutil
import signal
from pathlib import Path

import imageio.v3
import pytest
from click.testing import Result
from commands import episodes_in, run, start_training
from processes import becomes_true, leaves_nothing, marked, new_mark, signal_all
from sb3_contrib import MaskablePPO

pytestmark = pytest.mark.godot

# Each example, the scene, the sides of it, and how many games are played at once.
EXAMPLES = [
    ("cartpole", None, ["default"], 2),
    ("cartpole", "several_carts.tscn", ["default"], 1),
    ("tag", None, ["chaser", "runner"], 2),
    ("connect_four", None, ["first", "second"], 2),
    ("soccer", None, ["red", "blue"], 2),
]
BRIEFLY = "steps = 256\nmax_episode_steps = 30\ncheckpoint_every = 128\n[ppo]\nn_steps = 64\n"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Settings for a training that is over in seconds."""
    path = tmp_path_factory.mktemp("settings") / "train.toml"
    path.write_text(BRIEFLY)
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    out = tmp_path_factory.mktemp("runs") / "short"
    settings = tmp_path_factory.mktemp("settings") / "train.toml"
    settings.write_text(f"best_of = 2\n{BRIEFLY}")
    return out, run("train", "cartpole", "--settings", settings, "--episodes", 2, "--out", out)


def test_train_writes_every_result_and_says_where(trained: tuple[Path, Result]) -> None:
    out, result = trained
    assert result.exit_code == 0, result.output
    for name in (
        "checkpoints/000000256",
        "best",
        "learning_curve.png",
        "tensorboard",
        "video/episode-0.mp4",
        "evaluation.json",
    ):
        assert (out / name).exists()
        assert str(out / name) in result.output
    assert list((out / "tensorboard").rglob("events.out.tfevents.*"))
    assert sorted(path.name for path in (out / "checkpoints").iterdir()) == ["000000128", "000000256"]


# imageio leaves ffmpeg's pipes to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_video_shows_the_scene(trained: tuple[Path, Result]) -> None:
    frames = imageio.v3.imread(trained[0] / "video" / "episode-0.mp4")
    assert frames.shape[1:] == (540, 960, 3)
    assert len(frames) > 5
    assert (frames[0] != frames[-1]).mean() > 0.005


@pytest.mark.parametrize(("example", "scene", "sides", "processes"), EXAMPLES)
def test_every_example_trains(
    example: str, scene: str | None, sides: list[str], processes: int, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    chosen = ["--scene", scene] if scene else []
    chosen += ["--processes", str(processes)]
    result = run("train", example, *chosen, "--steps", 128, "--episodes", 2, "--no-video", "--out", out)
    assert result.exit_code == 0, result.output
    rows = json.loads((out / "evaluation.json").read_text())
    assert {row["against"] for row in rows} == {"random", "scripted"}
    assert [row["side"] for row in rows if row["against"] == "random"] == sides
    assert (out / "checkpoints" / "000000128").is_dir()


def test_sides_are_compared_with_an_earlier_self_and_may_learn_against_it(tmp_path: Path) -> None:
    path, out = tmp_path / "train.toml", tmp_path / "run"
    sides = '[sides]\nfirst = ["player_0"]\nsecond = ["player_1"]\n'
    stage = "[[stages]]\nfrom_step = 300\nppo = { learning_rate = 1e-5, ent_coef = 0.5 }\n"
    path.write_text(f"{BRIEFLY}{sides}[opponents]\npast_selves = 0.9\n{stage}")
    result = run(
        "train", "connect_four", "--settings", path, "--steps", 512, "--episodes", 2, "--no-video", "--out", out
    )
    assert result.exit_code == 0, result.output
    rows = json.loads((out / "evaluation.json").read_text())
    assert {row["against"] for row in rows} == {"random", "scripted", "earlier self"}
    with (out / "episodes.csv").open() as file:
        episodes = list(csv.DictReader(file))
    # Before the first checkpoint both learn; later an earlier self plays most games, and its returns are not ours.
    learned = [(row["first"] != "", row["second"] != "") for row in episodes]
    assert learned[0] == (True, True)
    assert {(True, False), (False, True)} <= set(learned)
    for row in episodes:
        if row["first"] and row["second"]:
            assert float(row["first"]) == -float(row["second"])
    models = [MaskablePPO.load(out / "checkpoints" / steps / "player.zip") for steps in ("000000256", "000000512")]
    assert [(model.learning_rate, model.ent_coef) for model in models] == [(3e-4, 0.0), (1e-5, 0.5)]


def test_results_of_a_run_repeat(tmp_path: Path, settings: Path) -> None:
    tables = []
    for name in ("a", "b"):
        out = tmp_path / name
        options = ["--settings", settings, "--processes", 2, "--episodes", 2, "--no-video", "--out", out]
        result = run("train", "tag", *options)
        assert result.exit_code == 0, result.output
        tables.append(((out / "episodes.csv").read_text(), (out / "evaluation.json").read_text()))
    assert tables[0] == tables[1]


def test_train_refuses_to_overwrite_results(trained: tuple[Path, Result], settings: Path) -> None:
    result = run("train", "cartpole", "--settings", settings, "--out", trained[0])
    assert result.exit_code == 1
    assert "The folder holds the results of another training." in result.output


def test_evaluate_writes_the_table_anew(trained: tuple[Path, Result]) -> None:
    out, _ = trained
    (out / "evaluation.json").unlink()
    result = run("evaluate", out, "--episodes", 3)
    assert result.exit_code == 0, result.output
    assert [row["episodes"] for row in json.loads((out / "evaluation.json").read_text())] == [3, 3]
    assert "95 % interval" in result.output


def test_evaluate_chooses_the_best_checkpoint_anew(trained: tuple[Path, Result]) -> None:
    out, _ = trained
    shutil.rmtree(out / "best")
    result = run("evaluate", out, "--episodes", 2, "--best-of", 2)
    assert result.exit_code == 0, result.output
    choice = json.loads((out / "best" / "choices.json").read_text())["default"]
    chosen = out / "checkpoints" / f"{choice['steps']:09d}"
    assert (out / "best" / "default.zip").read_bytes() == (chosen / "default.zip").read_bytes()
    assert f"best default: as it was after {choice['steps']} steps (mean return {choice['mean']:.3f}" in result.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_keeps_what_was_learned_and_resume_goes_on(number: signal.Signals, tmp_path: Path) -> None:
    out, mark = tmp_path / "out", new_mark()
    process = start_training(mark, "--steps", "1000000", "--out", str(out))
    try:
        assert becomes_true(lambda: process.poll() is not None or len(episodes_in(out)) > 2, seconds=60)
        process.send_signal(number)
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, output
    assert "interrupted after" in output
    assert f"godot-marl train cartpole --resume {out}" in output
    assert leaves_nothing(mark)
    (checkpoint,) = (out / "checkpoints").iterdir()
    reached = int(checkpoint.name)
    before = episodes_in(out)
    assert before
    assert before[-1] <= reached
    result = run("train", "cartpole", "--resume", out, "--steps", reached + 100, "--no-video", "--episodes", 2)
    assert result.exit_code == 0, result.output
    assert (out / "checkpoints" / f"{reached + 100:09d}").is_dir()
    after = episodes_in(out)
    assert after[: len(before)] == before
    assert len(after) > len(before)
    assert reached < after[-1] <= reached + 100


def test_a_game_that_dies_is_replaced(tmp_path: Path) -> None:
    out, mark = tmp_path / "out", new_mark()
    process = start_training(mark, "--steps", "1000000", "--out", str(out))
    try:
        assert becomes_true(lambda: process.poll() is not None or len(episodes_in(out)) > 2, seconds=60)
        games, seen = marked(mark)["game"], len(episodes_in(out))
        signal_all(games, signal.SIGKILL)
        assert becomes_true(lambda: process.poll() is not None or len(episodes_in(out)) > seen + 2, seconds=60)
        assert set(marked(mark)["game"]).isdisjoint(games)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, output
    assert "worker 0 was lost and is replaced (restart 1): The game ended while Python was" in output
    assert leaves_nothing(mark)


def test_a_game_that_dies_without_restarts_leaves_what_was_learned(tmp_path: Path) -> None:
    out, mark = tmp_path / "out", new_mark()
    process = start_training(mark, "--steps", "1000000", "--out", str(out), "--no-restart-workers")
    try:
        assert becomes_true(lambda: process.poll() is not None or len(episodes_in(out)) > 2, seconds=60)
        signal_all(marked(mark)["game"], signal.SIGKILL)
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 1
    assert "GameExitedError: The game ended while Python was" in output
    assert f"--resume {out}" in output
    assert len(list((out / "checkpoints").iterdir())) == 1


def test_resume_takes_the_settings_of_the_training(trained: tuple[Path, Result], settings: Path) -> None:
    for option in ("--settings", "--out", "--scene", "--seed"):
        result = run("train", "cartpole", "--resume", trained[0], option, "1")
        assert result.exit_code == 2
        assert f"{option} belongs to a new training" in result.output
    result = run("train", "tag", "--resume", trained[0])
    assert result.exit_code == 1
    assert "expected: the game cartpole\n  got: tag" in result.output


def test_resume_may_play_another_number_of_games(trained: tuple[Path, Result], tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(trained[0], out)
    more = ["--resume", out, "--steps", 300, "--processes", 2, "--no-video", "--episodes", 2]
    result = run("train", "cartpole", *more)
    assert result.exit_code == 0, result.output
    assert (out / "checkpoints" / "000000300").is_dir()
    assert json.loads((out / "run.json").read_text())["settings"]["processes"] == 2


@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5"])
def test_a_number_of_games_that_cannot_be_played(value: str) -> None:
    result = run("train", "cartpole", "--processes", value)
    assert result.exit_code == 2
    assert "Invalid value for '--processes': give the number of games to play at once, 1 or more" in result.output


def test_resume_of_what_is_no_training(tmp_path: Path) -> None:
    result = run("train", "cartpole", "--resume", tmp_path)
    assert result.exit_code == 1
    assert "This is not the folder of a training." in result.output


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("stepz = 1", "expected: the keys steps, max_episode_steps"),
        ("[ppo]\nlerning_rate = 1", "expected: arguments of PPO"),
        ("[policies.nobody]", "expected: policies of the scene: default"),
        ('[sides]\nred = ["cart_1"]', "expected: each agent once: cart_0"),
    ],
)
def test_settings_that_cannot_be_used(text: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "train.toml"
    path.write_text(text)
    result = run("train", "cartpole", "--settings", path, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert expected in result.output
    assert not (tmp_path / "out" / "checkpoints").exists()


def test_unknown_game() -> None:
    result = run("train", "cartpoel")
    assert result.exit_code == 1
    assert result.output.startswith("GameNotFoundError: There is no such game.\n  where: cartpoel\n")


def test_a_game_of_ones_own_trains(scenes: Path, settings: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(
        "train", scenes, "--scene", "herd.tscn", "--settings", settings, "--episodes", 2, "--no-video", "--out", out
    )
    assert result.exit_code == 0, result.output
    assert (out / "evaluation.json").exists()

"""`godot-marl train` and `godot-marl evaluate`, briefly, on the real engine."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import sys
from pathlib import Path

import imageio.v3
import numpy as np
import pytest
from click.testing import Result
from commands import episodes_in, run, start_training
from pages import table_rows
from processes import becomes_true, leaves_nothing, marked, new_mark, signal_all
from sb3_contrib import MaskablePPO
from stable_baselines3 import PPO

from godot_marl.engine import Engine
from godot_marl.training import arena_pool

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


def test_without_a_display_a_whole_training_ends_well_and_says_how_to_get_the_video(
    tmp_path: Path, settings: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    # A PATH with what Godot's start needs, and without Xvfb.
    for program in ("sh", "readlink"):
        (tmp_path / program).symlink_to(str(shutil.which(program)))
    monkeypatch.setenv("PATH", str(tmp_path))
    out = tmp_path / "out"
    options = ["--settings", settings, "--episodes", 2, "--engine", engine.path, "--out", out]
    result = run("train", "cartpole", *options)
    assert result.exit_code == 0, result.output
    assert len(json.loads((out / "evaluation.json").read_text())) == 2
    for name in ("checkpoints/000000256", "learning_curve.png", "evaluation.json"):
        assert str(out / name) in result.output
    assert not any(line.startswith("video: ") for line in result.output.splitlines())
    (warning,) = [line for line in result.output.splitlines() if line.startswith("no video: ")]
    assert warning.startswith("no video: This machine has no display, and no virtual one could be started. Install")
    assert warning.endswith(f"; then: godot-marl play cartpole {out} --render video")


@pytest.mark.parametrize("package", ["imageio_ffmpeg", "imageio.v2"])
def test_a_training_ends_well_without_a_video_writer(
    package: str, tmp_path: Path, settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    out = tmp_path / "out"
    result = run("train", "cartpole", "--settings", settings, "--episodes", 2, "--out", out)
    assert result.exit_code == 0, result.output
    assert f"evaluation: {out / 'evaluation.json'}" in result.output
    expected = (
        "no video: A video needs packages that are not installed. pip install godot-marl[sb3]; then: godot-marl play"
    )
    assert expected in result.output
    assert not (out / "video" / "episode-0.mp4").exists()


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
    # Fewer steps than the settings have between two updates.
    for path in (out / "checkpoints" / "000000128").iterdir():
        algorithm = MaskablePPO if example == "connect_four" else PPO
        assert algorithm.load(path)._n_updates > 0, path


def test_checkpoints_load_as_the_page_says(trained: tuple[Path, Result], settings: Path, tmp_path: Path) -> None:
    (says,) = (row[1] for row in table_rows("docs/training.md", "| File | What it is |") if "checkpoints" in row[0])
    assert re.findall(r"`(\w+)\.load`", says) == ["PPO", "MaskablePPO"]
    plain = PPO.load(trained[0] / "checkpoints" / "000000256" / "default.zip", device="cpu")
    assert int(plain.predict(np.zeros(4, np.float32))[0]) in {0, 1}
    out = tmp_path / "run"
    result = run("train", "connect_four", "--settings", settings, "--episodes", 2, "--no-video", "--out", out)
    assert result.exit_code == 0, result.output
    masked = MaskablePPO.load(out / "checkpoints" / "000000256" / "player.zip", device="cpu")
    only_middle = np.arange(7) == 3
    assert int(masked.predict(np.zeros(105, np.float32), action_masks=only_middle)[0]) == 3


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


def test_evaluate_writes_the_table_again(trained: tuple[Path, Result]) -> None:
    out, _ = trained
    (out / "evaluation.json").unlink()
    result = run("evaluate", out, "--episodes", 3)
    assert result.exit_code == 0, result.output
    assert [row["episodes"] for row in json.loads((out / "evaluation.json").read_text())] == [3, 3]
    assert "95 % interval" in result.output


def test_evaluate_chooses_the_best_checkpoint_again(trained: tuple[Path, Result]) -> None:
    out, _ = trained
    shutil.rmtree(out / "best")
    result = run("evaluate", out, "--episodes", 2, "--best-of", 2)
    assert result.exit_code == 0, result.output
    choice = json.loads((out / "best" / "choices.json").read_text())["default"]
    chosen = out / "checkpoints" / f"{choice['steps']:09d}"
    assert (out / "best" / "default.zip").read_bytes() == (chosen / "default.zip").read_bytes()
    assert f"best default: the checkpoint of {choice['steps']} steps (mean return {choice['mean']:.3f}" in result.output


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


def test_a_game_that_exits_is_restarted(tmp_path: Path) -> None:
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


def test_a_game_that_exits_without_restarts_keeps_the_last_checkpoint(tmp_path: Path) -> None:
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


def test_each_resume_plays_other_episodes(
    trained: tuple[Path, Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, seeds = tmp_path / "run", []
    shutil.copytree(trained[0], out)
    seed_of = arena_pool.seed_of

    def seed_and_note(*of: int) -> int:
        seeds.append(seed_of(*of))
        return seeds[-1]

    monkeypatch.setattr(arena_pool, "seed_of", seed_and_note)
    for steps in (280, 300):
        result = run("train", "cartpole", "--resume", out, "--steps", steps, "--no-video", "--episodes", 2)
        assert result.exit_code == 0, result.output
    assert len({*seeds, *range(10)}) == 12


def test_resume_of_a_folder_without_a_training_is_an_error(tmp_path: Path) -> None:
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


@pytest.fixture(scope="module")
def own(scenes: Path, settings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training of a game of one's own, whose path was given relative to the current folder."""
    here = tmp_path_factory.mktemp("here")
    # Of the words as they stand the last one is "..".
    game = os.path.join(os.path.relpath(scenes / "broken", here), "..")
    options = ["--scene", "herd.tscn", "--settings", settings, "--episodes", 2, "--no-video"]
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(here)
        result = run("train", game, *options)
    assert result.exit_code == 0, result.output
    (out,) = (here / "runs").iterdir()
    return out


def test_a_users_own_game_trains(own: Path, scenes: Path) -> None:
    assert (own / "evaluation.json").exists()
    assert own.name.startswith("scenes-")
    assert json.loads((own / "run.json").read_text())["game"] == str(scenes.resolve())


def test_a_users_own_game_is_found_from_another_folder(
    own: Path, scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(scenes)
    result = run("evaluate", own, "--episodes", 2)
    assert result.exit_code == 0, result.output
    result = run("play", ".", own, "--render", "video")
    assert result.exit_code == 0, result.output
    assert [path.name for path in (own / "video").iterdir()] == ["scenes-0.mp4"]


def test_resume_takes_any_path_of_the_same_game(own: Path, scenes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(scenes.parent)
    result = run("train", "scenes/", "--resume", own, "--steps", 300, "--no-video", "--episodes", 2)
    assert result.exit_code == 0, result.output
    assert (own / "checkpoints" / "000000300").is_dir()

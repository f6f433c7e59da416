"""The folder of a training."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from fake_models import text_of, write_model

from godot_marl.errors import InvalidOptionError
from godot_marl.training import RunDirectory, TrainingConfig


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    settings = TrainingConfig(steps=9, sides={"red": ["red_0"]}, ppo={"gamma": 0.5}, policies={"red": {"n_epochs": 2}})
    return RunDirectory.create(tmp_path / "run", "tag", None, 3, settings)


def save(folder: Path) -> None:
    write_model(folder / "default.zip", "a model")


def both_saver(text: str) -> Callable[[Path], None]:
    def save_both(folder: Path) -> None:
        for policy in ("red", "blue"):
            write_model(folder / f"{policy}.zip", text)

    return save_both


def test_a_run_is_the_same_when_it_is_opened_again(run: RunDirectory) -> None:
    assert RunDirectory.open(run.folder) == run
    assert RunDirectory.open(run.with_settings(steps=99).folder).settings.steps == 99


def test_results_are_not_overwritten(run: RunDirectory) -> None:
    with pytest.raises(InvalidOptionError, match="--resume"):
        RunDirectory.create(run.folder, "tag", None, 3, TrainingConfig())


@pytest.mark.parametrize("text", [None, "{", "{}", '{"settings": {}, "game": 1}'])
def test_a_folder_without_a_run_cannot_be_opened(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "run.json").write_text(text)
    with pytest.raises(InvalidOptionError, match="This is not the folder of a training"):
        RunDirectory.open(tmp_path)


def test_godot_ignores_a_run_in_a_project(tmp_path: Path) -> None:
    (tmp_path / "game").mkdir()
    (tmp_path / "game" / "project.godot").touch()
    inside, beside = (
        RunDirectory.create(tmp_path / name, "g", None, 0, TrainingConfig()) for name in ("game/runs/first", "runs")
    )
    assert (inside.folder / ".gdignore").exists()
    assert not (beside.folder / ".gdignore").exists()


def test_godot_goes_on_to_see_what_was_there_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "project.godot").touch()
    (tmp_path / "enemies").mkdir()
    (tmp_path / "enemies" / "boss.gd").touch()
    run = RunDirectory.create(tmp_path / "enemies", "g", None, 0, TrainingConfig())
    assert sorted(path.name for path in run.folder.iterdir()) == ["boss.gd", "run.json"]


def test_one_of_two_simultaneous_runs_gets_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_unused, others = RunDirectory.check_unused, []

    def check_and_be_overtaken(folder: Path) -> None:
        check_unused(folder)
        if not others:
            others.append(True)
            RunDirectory.create(folder, "g", None, 1, TrainingConfig())

    monkeypatch.setattr(RunDirectory, "check_unused", check_and_be_overtaken)
    with pytest.raises(InvalidOptionError, match="holds the results of another training"):
        RunDirectory.create(tmp_path / "run", "g", None, 2, TrainingConfig())
    assert RunDirectory.open(tmp_path / "run").seed == 1


def test_the_best_is_known_without_any_checkpoint(run: RunDirectory) -> None:
    run.write_best({"default": run.write_checkpoint(10, save)}, {"default": {"steps": 10}})
    shutil.rmtree(run.folder / "checkpoints")
    assert run.best_steps(["default"]) == {"default": 10}
    assert run.earlier_checkpoints(["default"]) == {}


def test_checkpoints_are_in_order(run: RunDirectory) -> None:
    with pytest.raises(InvalidOptionError, match="no checkpoint yet"):
        run.last_checkpoint()
    for steps in (200, 1000, 450, 90):
        run.write_checkpoint(steps, save)
    assert [folder.name for folder in run.checkpoints()] == ["000000090", "000000200", "000000450", "000001000"]
    assert run.last_checkpoint().name == "000001000"
    assert text_of(run.last_checkpoint() / "default.zip") == "a model"


def test_the_best_checkpoint_is_the_chosen_one_of_each_policy_until_the_training_goes_on(run: RunDirectory) -> None:
    first, last = (run.write_checkpoint(steps, both_saver(str(steps))) for steps in (10, 20))
    assert run.best() == last
    best = run.write_best({"red": first, "blue": last}, {"red": {"steps": 10}})
    assert run.best() == best
    assert [text_of(best / f"{policy}.zip") for policy in ("red", "blue")] == ["10", "20"]
    assert json.loads((best / "choices.json").read_text()) == {"red": {"steps": 10}}
    assert run.checkpoints() == [first, last]
    run.forget_best()
    assert run.best() == last


def earlier_steps(run: RunDirectory, policies: Sequence[str]) -> dict[str, int]:
    found = run.earlier_checkpoints(policies)
    assert all(folder.parent == run.folder / "checkpoints" for folder in found.values())
    return {policy: int(folder.name) for policy, folder in found.items()}


def test_the_earlier_checkpoint_is_half_way_to_what_is_judged_and_before_it(run: RunDirectory) -> None:
    folders = {steps: run.write_checkpoint(steps, both_saver(str(steps))) for steps in (100, 200, 450, 1000)}
    assert run.best_steps(["red", "blue"]) == {"red": 1000, "blue": 1000}
    assert earlier_steps(run, ["red", "blue"]) == {"red": 450, "blue": 450}
    for red, earlier in ((1000, 450), (450, 200), (200, 100)):
        run.write_best({"red": folders[red], "blue": folders[1000]}, {"red": {"steps": red}, "blue": {"steps": 1000}})
        assert run.best_steps(["red", "blue"]) == {"red": red, "blue": 1000}
        assert earlier_steps(run, ["red", "blue"]) == {"red": earlier, "blue": 450}
    # Of a policy whose choice is not noted the last one counts; the first checkpoint has none before.
    run.write_best({"red": folders[100]}, {"red": {"steps": 100}})
    assert earlier_steps(run, ["red", "blue"]) == {"blue": 450}
    run.forget_best()
    assert earlier_steps(run, ["red"]) == {"red": 450}


def test_the_earlier_checkpoint_is_not_the_judged_one_even_if_that_is_nearest_to_half(run: RunDirectory) -> None:
    folders = {steps: run.write_checkpoint(steps, both_saver(str(steps))) for steps in (10, 600, 700)}
    run.write_best({"red": folders[600]}, {"red": {"steps": 600}})
    assert earlier_steps(run, ["red"]) == {"red": 10}
    # 600 is nearer to half of 700 than 10 is.
    assert earlier_steps(run, ["blue"]) == {"blue": 600}


def test_a_single_checkpoint_has_no_earlier_one(run: RunDirectory) -> None:
    with pytest.raises(InvalidOptionError, match="no checkpoint yet"):
        run.earlier_checkpoints(["red"])
    run.write_checkpoint(5, save)
    assert run.earlier_checkpoints(["red"]) == {}


@pytest.mark.parametrize("text", [None, "{", "[]", '{"red": 1}', '{"red": {"mean": 1}}'])
def test_a_choice_that_cannot_be_read_is_named(text: str | None, run: RunDirectory) -> None:
    path = run.write_best({"red": run.write_checkpoint(5, both_saver("a model"))}, {}) / "choices.json"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(InvalidOptionError, match="--best-of") as caught:
        run.best_steps(["red"])
    assert caught.value.where == str(path)


def cut(model: Path) -> None:
    model.write_bytes(model.read_bytes()[:-30])


def empty(model: Path) -> None:
    model.write_bytes(b"")


def fill_with_zeros(model: Path) -> None:
    model.write_bytes(bytes(model.stat().st_size))


def change_a_byte(model: Path) -> None:
    model.write_bytes(model.read_bytes().replace(b"a model", b"a mopel"))


# How a checkpoint may be damaged, and what the warning says of it.
DAMAGES = [
    (cut, "default.zip: BadZipFile: File is not a zip file"),
    (empty, "default.zip: BadZipFile: File is not a zip file"),
    (fill_with_zeros, "default.zip: BadZipFile: File is not a zip file"),
    (change_a_byte, "default.zip: data in it is damaged"),
    (Path.unlink, "there is no model in it"),
]


@pytest.mark.parametrize(("damage", "fault"), DAMAGES)
def test_a_checkpoint_that_cannot_be_read_is_left_out(
    damage: Callable[[Path], None], fault: str, run: RunDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    first, second, third = (run.write_checkpoint(steps, save) for steps in (10, 20, 30))
    damage(third / "default.zip")
    with caplog.at_level(logging.WARNING):
        assert run.last_checkpoint() == run.best() == second
        assert run.checkpoints() == [first, second]
        assert run.earlier_checkpoints(["default"]) == {"default": first}
    assert caplog.messages == [f"the checkpoint {third} cannot be read and is left out ({fault})"]
    run.write_checkpoint(30, save)
    assert run.last_checkpoint() == third


def test_a_best_checkpoint_that_cannot_be_read_is_left_out(run: RunDirectory, caplog: pytest.LogCaptureFixture) -> None:
    last = run.write_checkpoint(10, save)
    best = run.write_best({"default": last}, {"default": {"steps": 3}})
    assert run.best_steps(["default"]) == {"default": 3}
    cut(best / "default.zip")
    assert run.best() == last
    assert run.best_steps(["default"]) == {"default": 10}
    assert str(best) in caplog.text


def test_without_any_checkpoint_that_can_be_read_there_is_an_error(run: RunDirectory) -> None:
    assert not run.has_checkpoints()
    for steps in (10, 20):
        empty(run.write_checkpoint(steps, save) / "default.zip")
    assert run.has_checkpoints()
    with pytest.raises(InvalidOptionError, match="None of the training's checkpoints can be read") as error:
        run.last_checkpoint()
    assert "000000010, 000000020" in str(error.value)


def test_an_interrupted_checkpoint_leaves_the_old_one(run: RunDirectory) -> None:
    run.write_checkpoint(5, save)

    def interrupted(folder: Path) -> None:
        (folder / "default.zip").write_text("half a mo")
        raise KeyboardInterrupt

    for steps in (5, 6):
        with pytest.raises(KeyboardInterrupt):
            run.write_checkpoint(steps, interrupted)
    assert [path.name for path in (run.folder / "checkpoints").iterdir()] == ["000000005"]
    assert text_of(run.last_checkpoint() / "default.zip") == "a model"


def test_episodes_after_the_checkpoint_are_played_again(run: RunDirectory) -> None:
    run.start_episodes(["red", "blue"], 0)
    run.add_episode(10, 10, [1.5, None])
    run.add_episode(25, 15, [0.25, -1.0])
    assert run.episodes() == [
        {"steps": "10", "length": "10", "red": "1.5", "blue": ""},
        {"steps": "25", "length": "15", "red": "0.25", "blue": "-1"},
    ]
    run.start_episodes(["red", "blue"], 20)
    run.add_episode(30, 20, [0.0, 0.0])
    assert [row["steps"] for row in run.episodes()] == ["10", "30"]


@pytest.mark.parametrize(
    "rest",
    [
        b"1",  # of 19: it looks like a step before the checkpoint
        b"19,4,0.1",
        b"19,4\r\n",
        b"\0" * 40,
        b"\0\0,4,0.1,0.2\r\n",
        b"19,4,0.1,\xff\xfe\r\n",
        b"19,4,0.1,0.2,5\r\n",
    ],
)
def test_an_episode_that_was_half_written_is_left_out(rest: bytes, run: RunDirectory) -> None:
    path = run.folder / "episodes.csv"
    run.start_episodes(["red", "blue"], 0)
    run.add_episode(15, 15, [1.5, None])
    before = path.read_bytes()
    path.write_bytes(before + rest)
    assert [row["steps"] for row in run.episodes()] == ["15"]
    run.start_episodes(["red", "blue"], 20)
    assert path.read_bytes() == before


def test_a_table_of_episodes_without_its_header_starts_again(run: RunDirectory) -> None:
    path = run.folder / "episodes.csv"
    path.write_bytes(bytes(20) + b"\r\n15,4,0.1\r\n")
    assert run.episodes() == []
    run.start_episodes(["red"], 20)
    assert path.read_bytes() == b"steps,length,red\r\n"


@pytest.mark.parametrize("name", ["run.json", "episodes.csv"])
def test_a_failed_rewrite_keeps_the_old_file(name: str, run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    run.start_episodes(["red"], 0)
    run.add_episode(10, 10, [1.0])
    before = (run.folder / name).read_bytes()

    def full_disk(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        run.with_settings(steps=99)
    with pytest.raises(OSError, match="No space"):
        run.start_episodes(["red"], 5)
    assert (run.folder / name).read_bytes() == before
    assert sorted(path.name for path in run.folder.iterdir()) == ["episodes.csv", "run.json"]

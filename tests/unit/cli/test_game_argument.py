"""What a game is called, and whether a training is of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from godot_marl.assets.games import identity_of
from godot_marl.cli.game_argument import check_same_game
from godot_marl.errors import InvalidOptionError
from godot_marl.training import RunDirectory, TrainingConfig


@pytest.fixture
def games(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with two projects in it."""
    for name in ("my_game", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "project.godot").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path.resolve()


def training_of(game: str) -> RunDirectory:
    """A training as it was stored."""
    folder = Path("run").absolute()
    RunDirectory.create(folder, game, None, 0, TrainingConfig())
    return RunDirectory.open(folder)


def test_an_example_is_called_by_its_name(games: Path) -> None:
    (games / "tag").mkdir()
    assert identity_of("tag") == "tag"
    assert identity_of("./tag") == str(games / "tag")


def test_a_path_is_called_the_same_from_everywhere(games: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (games / "link").symlink_to(games / "my_game")
    names = {identity_of(game) for game in ("my_game", "my_game/", "./my_game", "other/../my_game", "link")}
    assert names == {str(games / "my_game")}
    monkeypatch.chdir("my_game")
    assert identity_of(".") == identity_of("../my_game/") == str(games / "my_game")


@pytest.mark.parametrize("stored", ["/my_game", "my_game", "my_game/"])
def test_a_training_is_of_the_game_however_it_is_given(stored: str, games: Path) -> None:
    run = training_of(f"{games}{stored}" if stored.startswith("/") else stored)
    for game in ("my_game", "my_game/", str(games / "my_game")):
        check_same_game(run, game, "here")
    for game in ("other", "tag"):
        with pytest.raises(InvalidOptionError, match="the training of another game"):
            check_same_game(run, game, "here")


def test_another_game_is_refused_with_a_remedy(games: Path) -> None:
    run = training_of(str(games / "my_game"))
    with pytest.raises(InvalidOptionError) as caught:
        check_same_game(run, "other", "here")
    error = caught.value
    assert (error.where, error.expected, error.got) == ("here", f"the game {games}/my_game", f"{games}/other")


@pytest.mark.parametrize("stored", ["moved", "/elsewhere/moved", "my_game.x86_64"])
def test_a_game_that_cannot_be_compared_is_accepted(stored: str, games: Path) -> None:
    (games / "my_game.x86_64").touch()
    run = training_of(stored)
    for game in ("my_game", "tag"):
        check_same_game(run, game, "here")


@pytest.mark.parametrize("project", ["my_game", "tag"])
def test_an_export_of_a_project_may_play_its_training(project: str, games: Path) -> None:
    (games / "my_game.pck").touch()
    check_same_game(training_of(project), "my_game.pck", "here")

"""The command lines of games: on Linux, Windows and macOS, with paths that are hard to quote."""

from __future__ import annotations

import plistlib
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from godot_marl.errors import GameNotFoundError, InvalidOptionError
from godot_marl.game.launch import resolve_command, split_command
from godot_marl.options import Options

STRANGE = ["Spiel mit Möwe 鷗", "it's $HOME", 'a "b" `c`; & #1 %41', "-dash"]
HEADLESS = ("--headless", "--fixed-fps", "60")
SETTINGS = 'config_version=5\n[application]\nrun/main_scene="res://main.tscn"\n'


@pytest.fixture(params=STRANGE)
def folder(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose name a shell would take apart."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GODOT_MARL_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / str(request.param)
    folder.mkdir()
    return folder


@pytest.fixture
def plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GODOT_MARL_CACHE", str(tmp_path / "cache"))
    return tmp_path


def program(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def engine(folder: Path, name: str = "godot") -> Path:
    """What answers as Godot does, and imports a project."""
    text = '#!/bin/sh\n[ "$1" = --version ] && echo 4.6.3.stable.official.a || mkdir "$3/.godot"\n'
    return program(folder / name, text)


def project(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "project.godot").write_text(SETTINGS)
    (folder / "main.tscn").write_text("[gd_scene]\n")
    return folder


def command(game: Path | str, **options: Any) -> tuple[str, ...]:
    return resolve_command(game, Options.from_kwargs(options)).command


# -- Exported games ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["game.x86_64", "game.exe", "game.console.exe", "鷗 game"])
def test_an_exported_program_is_started_by_itself(folder: Path, name: str) -> None:
    game = program(folder / name)
    assert command(game) == command(str(game)) == (str(game), *HEADLESS)


def test_an_exported_program_is_found_from_here_and_from_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    game = program(folder / "game.x86_64")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    assert command("game.x86_64") == command("~/game.x86_64") == (str(game), *HEADLESS)


def bundle(folder: Path, name: str, form: plistlib.PlistFormat | None) -> Path:
    game = program(folder / "My Game.app" / "Contents" / "MacOS" / name)
    if form is not None:
        content = plistlib.dumps({"CFBundleExecutable": name}, fmt=form)
        (game.parents[1] / "Info.plist").write_bytes(content)
    return game


@pytest.mark.parametrize(
    ("name", "form"),
    [("Möwe", plistlib.FMT_XML), ("my_game", plistlib.FMT_BINARY), ("My Game", None)],
    ids=["xml", "binary", "none"],
)
def test_an_app_of_macos_is_a_game_and_no_project_folder(
    folder: Path, name: str, form: plistlib.PlistFormat | None
) -> None:
    game = bundle(folder, name, form)
    assert command(folder / "My Game.app") == (str(game), *HEADLESS)


@pytest.mark.parametrize("content", [b"", b"<plist>", b"bplist00rubbish", plistlib.dumps({}), plistlib.dumps([])])
def test_an_app_whose_description_is_damaged_is_taken_by_its_name(plain: Path, content: bytes) -> None:
    game = bundle(plain, "My Game", None)
    (game.parents[1] / "Info.plist").write_bytes(content)
    assert command(plain / "My Game.app") == (str(game), *HEADLESS)


def test_an_app_without_program_is_named(plain: Path) -> None:
    bundle(plain, "other", None)
    with pytest.raises(GameNotFoundError) as error:
        command(plain / "My Game.app")
    assert (error.value.where, error.value.expected) == (str(plain / "My Game.app"), "Contents/MacOS/My Game")


def test_a_project_folder_may_be_called_app(plain: Path) -> None:
    folder = project(plain / "my.app")
    assert command(folder, engine=engine(plain))[1:3] == ("--path", str(folder))


def test_a_file_that_cannot_be_executed_says_how_it_can(plain: Path) -> None:
    (plain / "game.x86_64").write_text("")
    with pytest.raises(GameNotFoundError, match=r"chmod \+x"):
        command(plain / "game.x86_64")


@pytest.mark.parametrize("name", ["game.exe", "game.x86_64", "My Game.app"])
def test_an_exported_game_runs_its_own_scene(plain: Path, name: str) -> None:
    if name.endswith(".app"):
        bundle(plain, "My Game", None)
    else:
        program(plain / name)
    with pytest.raises(InvalidOptionError, match="its own main scene"):
        command(plain / name, scene="other.tscn")


# -- Projects and packs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["godot", "Godot_v4.6.3-stable_win64_console.exe", "Möwe's Godot"])
def test_a_project_is_run_by_the_engine(folder: Path, name: str) -> None:
    project(folder)
    godot = engine(folder.parent, name)
    expected = (str(godot), "--path", str(folder), *HEADLESS)
    assert command(folder, engine=godot) == command(folder / "project.godot", engine=godot) == expected
    assert command(folder, engine=godot, scene="main.tscn") == (*expected, "--scene", "res://main.tscn")


def test_a_project_is_found_from_here_and_from_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project(folder / "game")
    godot = engine(folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    for game in ("game", "./game", "game/project.godot", "~/game", "~/game/project.godot"):
        assert command(game, engine=godot) == (str(godot), "--path", str(folder / "game"), *HEADLESS)


def test_the_engine_may_be_an_app_of_macos(folder: Path) -> None:
    project(folder)
    godot = engine(folder.parent, "Godot.app/Contents/MacOS/Godot")
    assert command(folder, engine=folder.parent / "Godot.app")[0] == str(godot)


@pytest.mark.parametrize("name", ["game.pck", "鷗's GAME.PCK"])
def test_a_pack_is_run_by_the_engine(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = folder / name
    pack.touch()
    godot = engine(folder)
    expected = (str(godot), "--main-pack", str(pack), *HEADLESS)
    assert command(pack, engine=godot) == expected
    assert command(pack, engine=godot, scene="res://a.tscn") == (*expected, "--scene", "res://a.tscn")
    monkeypatch.chdir(folder)
    assert command(name, engine=godot) == expected


@pytest.mark.parametrize("name", ["my%20game", "my%20game.pck"])
def test_a_path_that_godot_would_read_otherwise_is_refused(plain: Path, name: str) -> None:
    game = plain / name
    game.touch() if game.suffix else project(game)
    with pytest.raises(GameNotFoundError, match="reads %20 in a path as a space") as error:
        command(game, engine=engine(plain))
    assert error.value.where == str(game)


def test_a_path_that_godot_is_not_given_may_have_any_name(plain: Path) -> None:
    game = program(plain / "my%20game" / "a%20b.exe")
    assert command(game) == (str(game), *HEADLESS)


# -- Windows and images ------------------------------------------------------------------------------------------------

PICTURES = ("--fixed-fps", "60", "--disable-render-loop", "--audio-driver", "Dummy")


@pytest.mark.parametrize(
    ("system", "display", "driver"),
    [
        ("linux", "", ("--rendering-driver", "opengl3")),
        ("linux", ":0", ()),
        ("win32", "", ()),
        ("darwin", "", ()),
    ],
)
def test_only_a_virtual_display_chooses_the_driver(
    plain: Path, monkeypatch: pytest.MonkeyPatch, system: str, display: str, driver: tuple[str, ...]
) -> None:
    game = program(plain / "game.exe")
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setenv("DISPLAY", display)
    size = ("--resolution", "64x48")
    assert command(game, render_mode="rgb_array", render_size=(64, 48)) == (str(game), *PICTURES, *driver, *size)
    assert command(game, render_mode="human", render_size=(64, 48)) == (str(game), *size)
    assert command(game) == (str(game), *HEADLESS)


# -- Commands ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STRANGE)
def test_a_quoted_command_is_taken_apart_again(name: str) -> None:
    words = [f"/games/{name}/game", "--headless", "--", f"level={name}", "#1"]
    assert split_command(shlex.join(words), for_windows=False) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (r"C:\games\game.exe --headless", [r"C:\games\game.exe", "--headless"]),
        (r'"C:\Program Files\Möwe 鷗\game.exe" --x "a b"', [r"C:\Program Files\Möwe 鷗\game.exe", "--x", "a b"]),
        (r"C:\it's\$HOME\game.exe #1", [r"C:\it's\$HOME\game.exe", "#1"]),
        (r"\\server\share\game.exe", [r"\\server\share\game.exe"]),
    ],
)
def test_on_windows_a_backslash_is_part_of_a_path(text: str, words: list[str]) -> None:
    assert split_command(text, for_windows=True) == words


def test_a_command_with_an_open_quotation_mark_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match="quotation marks in pairs"):
        resolve_command(None, Options.from_kwargs({"command": "game 'a b"}))

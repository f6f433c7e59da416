"""What becomes of `exeCmd`, a line for a shell, without one."""

from __future__ import annotations

from pathlib import Path

import pytest

from godot_marl.errors import GameNotFoundError, InvalidOptionError
from godot_marl.gymgodot.command import game_arguments, parse_command

BOTH = pytest.mark.parametrize("windows", [False, True])


@BOTH
def test_a_program_and_its_arguments_are_split_at_spaces(windows: bool) -> None:
    command = parse_command("flatpak run  org.godotengine.Godot ./a/Root.tscn ", windows=windows)
    assert command.arguments == ("flatpak", "run", "org.godotengine.Godot", "./a/Root.tscn")
    assert command.folder is None


@BOTH
@pytest.mark.parametrize("change", ["cd {}", "cd /d {}", "cd /D {}"])
@pytest.mark.parametrize("joint", [" && ", "&&", "  &&\t"])
def test_a_change_of_folder_before_it_is_taken_off(tmp_path: Path, windows: bool, change: str, joint: str) -> None:
    command = parse_command(change.format(tmp_path) + joint + "engine scene", windows=windows)
    assert command.arguments == ("engine", "scene")
    assert command.folder == tmp_path


@BOTH
def test_quotes_keep_spaces_and_what_a_shell_would_see(tmp_path: Path, windows: bool) -> None:
    folder = tmp_path / "my games & more; (all)"
    folder.mkdir()
    command = parse_command(f'cd "{folder}" && "the engine" "" "a && b" pa"r"t', windows=windows)
    assert command.folder == folder
    assert command.arguments == ("the engine", "", "a && b", "part")


def test_single_quotes_and_backslashes_are_those_of_a_unix_shell() -> None:
    line = r"""engine '$HOME "x"' a\ b "c\"d\\e\f" \;"""
    assert parse_command(line, windows=False).arguments == ("engine", '$HOME "x"', "a b", 'c"d\\e\\f', ";")


def test_backslashes_and_single_quotes_are_letters_on_windows() -> None:
    line = r'"C:\Program Files\Godot\godot.exe" it\'s.tscn'.replace("\\'", "'")
    assert parse_command(line, windows=True).arguments == (r"C:\Program Files\Godot\godot.exe", "it's.tscn")


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    command = parse_command("cd ~ && ~/bin/godot a~b '~'", windows=False)
    assert command.folder == tmp_path
    assert command.arguments == (f"{tmp_path}/bin/godot", "a~b", "~")


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("engine scene | tee log", "'|'"),
        ("engine scene > log", "'>'"),
        ("engine scene &", "'&'"),
        ("cd /tmp; engine scene", "';'"),
        ("cd /tmp && export A=1 && engine", "'&&'"),
        ("make && engine scene", "'&&'"),
        ("cd /tmp || engine", "'|'"),
        ("engine $SCENE", "'$'"),
        ('engine "$SCENE"', "'$'"),
        ("`which godot` scene", "'`'"),
        ("engine *.tscn", "'*'"),
        ("(engine scene)", "'('"),
        ("DISPLAY=:1 engine scene", "'DISPLAY='"),
        ("engine # a remark", "'#'"),
        ("engine\nscene", r"'\n'"),
    ],
)
def test_what_only_a_shell_can_do_is_an_error_with_a_remedy(line: str, what: str) -> None:
    with pytest.raises(InvalidOptionError, match="needs a shell") as error:
        parse_command(line, windows=False)
    assert error.value.got == what
    assert error.value.remedy is not None


@pytest.mark.parametrize(
    ("line", "what"), [("engine %SCENE%", "'%'"), ('engine "%SCENE%"', "'%'"), ("a & b", "'&'"), ("a ^| b", "'^'")]
)
def test_what_only_the_shell_of_windows_can_do_is_an_error(line: str, what: str) -> None:
    with pytest.raises(InvalidOptionError, match="needs a shell") as error:
        parse_command(line, windows=True)
    assert error.value.got == what


@pytest.mark.parametrize("line", ["", "  ", "cd /tmp &&", [], [""]])
def test_a_line_without_a_program_is_an_error(line: str | list[str]) -> None:
    with pytest.raises(InvalidOptionError, match="has no program"):
        parse_command(line, windows=False)


@pytest.mark.parametrize("change", ["cd", "cd -", "cd a b", "cd /d", "cd /d a b"])
def test_a_change_to_no_single_folder_is_an_error(change: str) -> None:
    with pytest.raises((InvalidOptionError, GameNotFoundError), match="folder"):
        parse_command(f"{change} && engine", windows=False)


def test_a_quote_that_is_never_closed_is_an_error() -> None:
    with pytest.raises(InvalidOptionError, match="never closed"):
        parse_command("engine 'scene", windows=False)


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(GameNotFoundError) as error:
        parse_command(f"cd {tmp_path / 'none'} && engine", windows=False)
    assert error.value.got == str(tmp_path / "none")


def test_a_list_is_taken_as_it_is() -> None:
    assert parse_command(["engine", "$A; b"]).arguments == ("engine", "$A; b")


def test_the_game_gets_what_gymgodots_games_get() -> None:
    command = parse_command("engine scene")
    where = {"host": "127.0.0.1", "port": 8000, "render_path": "/a b/"}
    assert game_arguments(command, env_fps=60, window_render=False, **where) == [
        "engine", "scene", "--fixed-fps", "60", "--disable-render-loop",
        "--serverIP=127.0.0.1", "--serverPort=8000", "--renderPath=/a b/",
    ]  # fmt: skip
    assert game_arguments(command, env_fps=30, window_render=True, **where)[2:5] == [
        "--fixed-fps", "30", "--serverIP=127.0.0.1"
    ]  # fmt: skip


def test_a_relative_path_is_meant_from_where_godot_goes(tmp_path: Path) -> None:
    (tmp_path / "game").mkdir()
    assert parse_command(f"cd {tmp_path} && engine", windows=False).game_folder == tmp_path
    assert parse_command(f"cd {tmp_path} && engine --path game", windows=False).game_folder == tmp_path / "game"
    assert parse_command("engine").game_folder == Path.cwd()

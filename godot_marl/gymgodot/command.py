"""Parses GymGodot's `exeCmd`, which was a shell command line, and builds the game's command. No shell runs it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from godot_marl.errors import GameNotFoundError, InvalidOptionError

# The supported tokens of a line. All other syntax needs a shell.
_UNIX = re.compile(
    r"""
    (?P<space>[^\S\n]+)
    | (?P<and>&&(?!&))
    | '(?P<single>[^']*)'
    | "(?P<double>(?:[^"\\$`]|\\.)*)"
    | \\(?P<escaped>.)
    | (?P<home>(?<!\S)~[\w.-]*)
    | (?P<plain>(?:[^\s'"\\|;&<>()$`*?\[\#]|(?<=\S)\#)+)
    """,
    re.VERBOSE | re.DOTALL,
)
_WINDOWS = re.compile(
    r"""
    (?P<space>[^\S\n]+)
    | (?P<and>&&(?!&))
    | "(?P<double>[^"%]*)"
    | (?P<plain>[^\s"|&<>^%]+)
    """,
    re.VERBOSE,
)
_AND = "&&"
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


@dataclass(frozen=True)
class Command:
    """The command of a game.

    Attributes:
        arguments: The program and its arguments.
        folder: The working folder; None for the current one.
    """

    arguments: tuple[str, ...]
    folder: Path | None

    @property
    def game_folder(self) -> Path:
        """The game's current folder while it runs: Godot changes to the project of `--path`."""
        folder = Path.cwd() if self.folder is None else self.folder
        for flag, value in zip(self.arguments, self.arguments[1:], strict=False):
            if flag == "--path":
                return folder / value
        return folder


def parse_command(line: str | Sequence[str], *, windows: bool = sys.platform == "win32") -> Command:
    """Parse an `exeCmd`: `ENGINE SCENE`, an exported game, or either after `cd DIR &&`.

    Args:
        line: The line, or a sequence of the program and its arguments, which is not parsed.
        windows: Parse as Windows' shell does: backslashes belong to paths, and `cd /d` changes the drive too.

    Raises:
        InvalidOptionError: The line is empty, or needs a shell.
        GameNotFoundError: The folder does not exist.
    """
    if not isinstance(line, str):
        return Command(_checked([os.fspath(part) for part in line], line), None)
    words = _split(line, windows)
    if _AND not in words:
        return Command(_checked(words, line), None)
    before, after = words[: words.index(_AND)], words[words.index(_AND) + 1 :]
    if _AND in after or before[:1] != ["cd"]:
        raise _shell_error(line, _AND)
    folders = before[1:]
    if len(folders) > 1 and folders[0].lower() == "/d":
        folders = folders[1:]
    if len(folders) != 1 or folders == ["-"]:
        raise InvalidOptionError(
            "The cd in exeCmd needs exactly one folder.",
            where=f"exeCmd={line!r}",
            expected="cd DIR && ENGINE SCENE, with quotes around a folder that has spaces in its name",
            got="cd " + " ".join(folders),
        )
    folder = Path(folders[0]).absolute()
    if not folder.is_dir():
        raise GameNotFoundError(
            "The folder in exeCmd does not exist.",
            where=f"exeCmd={line!r}",
            expected="a folder, such as that of your project.godot",
            got=str(folder),
        )
    return Command(_checked(after, line), folder)


def game_arguments(
    command: Command, *, env_fps: int, window_render: bool, host: str, port: int, render_path: str
) -> list[str]:
    """Return the command with the arguments that GymGodot's games read from their command line.

    Args:
        command: The game's command.
        env_fps: The game's frames per second.
        window_render: Whether to render each frame in the game's window.
        host: The address to which the game connects.
        port: The port to which the game connects.
        render_path: The folder of saved images, with a slash at its end.
    """
    return [
        *command.arguments,
        "--fixed-fps",
        str(env_fps),
        *([] if window_render else ["--disable-render-loop"]),
        f"--serverIP={host}",
        f"--serverPort={port}",
        f"--renderPath={render_path}",
    ]


def _checked(words: Sequence[str], line: object) -> tuple[str, ...]:
    if not words or not words[0]:
        raise InvalidOptionError(
            "exeCmd has no program.", where="exeCmd", expected="an engine and a scene, or a game", got=repr(line)
        )
    return tuple(words)


def _split(line: str, windows: bool) -> list[str]:
    """Split a line into words, one of which may be an unquoted `&&`. Other shell syntax is an error."""
    words: list[str] = []
    # None between two words, because empty quotes make an empty word.
    word: str | None = None
    position = 0
    while position < len(line):
        match = (_WINDOWS if windows else _UNIX).match(line, position)
        if match is None:
            raise _syntax_error(line, position)
        position = match.end()
        if match.lastgroup in ("space", "and"):
            words += ([] if word is None else [word]) + ([_AND] if match["and"] else [])
            word = None
            continue
        text = match[match.lastgroup or 0]
        if match.lastgroup == "double" and not windows:
            text = re.sub(r'\\([\\"$`])', r"\1", text)
        elif match.lastgroup == "home":
            text = os.path.expanduser(text)
        elif match.lastgroup == "plain" and word is None and not words and not windows:
            assignment = _ASSIGNMENT.match(text)
            if assignment:
                raise _shell_error(line, assignment[0])
        word = (word or "") + text
    return words if word is None else [*words, word]


def _syntax_error(line: str, position: int) -> InvalidOptionError:
    """Return the error of a line that has no supported token at a position."""
    character = line[position]
    if character not in "'\"":
        return _shell_error(line, character)
    expansion = re.search(r"[$`%]", line[position:])
    if character == '"' and expansion and line.count(character, position) > 1:
        return _shell_error(line, expansion[0])
    return InvalidOptionError(
        "A quote in exeCmd is never closed.", where=f"exeCmd={line!r}", expected=f"another {character}", got="none"
    )


def _shell_error(line: str, what: str) -> InvalidOptionError:
    return InvalidOptionError(
        "exeCmd needs a shell, but runs without one.",
        where=f"exeCmd={line!r}",
        expected="ENGINE SCENE, or cd DIR && ENGINE SCENE",
        got=repr(what),
        remedy="Quote it if it belongs to a name; replace the shell's syntax with Python (os.environ for a variable, "
        "an f-string for a path); or write a script with the command, and run that.",
    )

"""Takes GymGodot's `exeCmd` apart, which was a line for a shell, and builds the command of a game. No shell runs it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from godot_marl.errors import GameNotFoundError, InvalidOptionError

# What can stand side by side in a line. Whatever is none of it, only a shell can do.
_UNIX = re.compile(
    r"""
    (?P<space>[^\S\n]+)
    | (?P<joint>&&(?!&))
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
    | (?P<joint>&&(?!&))
    | "(?P<double>[^"%]*)"
    | (?P<plain>[^\s"|&<>^%]+)
    """,
    re.VERBOSE,
)
_AND = "&&"
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


@dataclass(frozen=True)
class Command:
    """What to start, and where.

    Attributes:
        arguments: The program and its arguments.
        folder: The folder to run in; None for the current one.
    """

    arguments: tuple[str, ...]
    folder: Path | None

    @property
    def game_folder(self) -> Path:
        """The folder that the game will call its current one: Godot goes to the project that `--path` names."""
        folder = Path.cwd() if self.folder is None else self.folder
        for flag, value in zip(self.arguments, self.arguments[1:], strict=False):
            if flag == "--path":
                return folder / value
        return folder


def parse_command(line: str | Sequence[str], *, windows: bool = sys.platform == "win32") -> Command:
    """Take an `exeCmd` apart: `ENGINE SCENE`, an exported game, or either after `cd DIR &&`.

    Args:
        line: The line, or the program and its arguments, which are taken as they are.
        windows: Read the line as Windows' shell does: backslashes belong to paths, and `cd /d` changes the drive too.

    Raises:
        InvalidOptionError: The line asks for something that only a shell can do, or is empty.
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
    places = before[1:]
    if len(places) > 1 and places[0].lower() == "/d":
        places = places[1:]
    if len(places) != 1 or places == ["-"]:
        raise InvalidOptionError(
            "exeCmd changes to no folder that could be told.",
            where=f"exeCmd={line!r}",
            expected="cd DIR && ENGINE SCENE, with quotes around a folder that has spaces in its name",
            got="cd " + " ".join(places),
        )
    folder = Path(places[0]).absolute()
    if not folder.is_dir():
        raise GameNotFoundError(
            "The folder in exeCmd does not exist.",
            where=f"exeCmd={line!r}",
            expected="a folder, such as the one of your project.godot",
            got=str(folder),
        )
    return Command(_checked(after, line), folder)


def game_arguments(
    command: Command, *, env_fps: int, window_render: bool, host: str, port: int, render_path: str
) -> list[str]:
    """The command with all that GymGodot's games get on their command line."""
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
            "exeCmd names no program.", where="exeCmd", expected="an engine and a scene, or a game", got=repr(line)
        )
    return tuple(words)


def _split(line: str, windows: bool) -> list[str]:
    """The words of a line. An `&&` outside of quotes is one of them; what else a shell would do is an error."""
    words: list[str] = []
    # None between two words: an empty one in quotes counts.
    word: str | None = None
    place = 0
    while place < len(line):
        match = (_WINDOWS if windows else _UNIX).match(line, place)
        if match is None:
            raise _unreadable(line, place)
        place = match.end()
        if match.lastgroup in ("space", "joint"):
            words += ([] if word is None else [word]) + ([_AND] if match["joint"] else [])
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


def _unreadable(line: str, place: int) -> InvalidOptionError:
    """Why the line cannot be read from a place on."""
    letter = line[place]
    if letter not in "'\"":
        return _shell_error(line, letter)
    expansion = re.search(r"[$`%]", line[place:])
    if letter == '"' and expansion and line.count(letter, place) > 1:
        return _shell_error(line, expansion[0])
    return InvalidOptionError(
        "A quote in exeCmd is never closed.", where=f"exeCmd={line!r}", expected=f"another {letter}", got="none"
    )


def _shell_error(line: str, what: str) -> InvalidOptionError:
    return InvalidOptionError(
        "exeCmd needs a shell, and none runs it.",
        where=f"exeCmd={line!r}",
        expected="ENGINE SCENE, or cd DIR && ENGINE SCENE",
        got=repr(what),
        remedy="Put it into quotes if it belongs to a name; let Python do what the shell did (os.environ for a "
        "variable, an f-string for a path); or write a script that does it and give that.",
    )

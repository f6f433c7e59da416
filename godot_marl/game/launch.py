"""Turns a game and its options into a command, and starts it."""

from __future__ import annotations

import contextlib
import logging
import os
import plistlib
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.parsers.expat import ExpatError

from godot_marl.engine import ensure_engine
from godot_marl.errors import GameNotFoundError, InvalidOptionError, MissingDependencyError
from godot_marl.options import Game, Options
from godot_marl.process import GameProcess
from godot_marl.project import IMPORT_TIMEOUT, Project, check_path
from godot_marl.tls import certificate_to_trust

logger = logging.getLogger(__name__)

_DEFAULT_FPS = 60
_SMALLEST_DISPLAY = (1920, 1080)


@dataclass(frozen=True)
class Launch:
    """What to start.

    Attributes:
        command: The program and its arguments.
        may_have_bridge: False if the scene surely names no bridge.
        where: What to call the game in errors.
    """

    command: tuple[str, ...]
    may_have_bridge: bool
    where: str


def is_by_hand(game: Game, options: Options) -> bool:
    """Whether this is a game that the user starts."""
    return game is None and options.command is None


def plan(game: Game, options: Options) -> Launch | None:
    """What to start for these options; None for a game that the user starts. A project is imported if need be.

    Raises:
        InvalidOptionError: Two options contradict each other.
        EngineError: No engine was found.
        GameError: The game cannot be found, or not be imported.
    """
    if is_by_hand(game, options):
        return None
    if options.human_agents and options.render_mode != "human":
        raise InvalidOptionError(
            "A person can play only in a window.",
            where="human_agents",
            expected="render_mode='human', or a game that you start",
            got=f"render_mode={options.render_mode!r}",
            remedy="Give render_mode='human' too.",
        )
    return plan_launch(game, options)


def plan_launch(game: Game, options: Options) -> Launch:
    """Find the engine and the command for a game; imports a project whose cache is out of date.

    Args:
        game: A project folder or its project.godot, an exported executable (on macOS the .app), or a .pck file; None
            where `options.command` is given.
        options: The environment's options.

    Raises:
        GameNotFoundError: There is no such game or scene.
        InvalidOptionError: Two options contradict each other.
        EngineError: No engine was found, or it is too old.
        GameImportError: Godot could not import the project.
        NoBridgeError: The project lacks the addon that its scene names.
        CacheError: The project must be copied to the cache, which cannot be written.
    """
    if options.command is not None:
        return _plan_command(game, options)
    if game is None:
        raise InvalidOptionError("No game was given.", where="game", expected="a game or a command", got="None")
    path = Path(game).expanduser()
    if _is_bundle(path):
        path = _program_of(path)
    if path.is_dir() or not path.exists():
        return _plan_project(path, options)
    if path.name == "project.godot":
        return _plan_project(path.parent, options)
    is_pack = path.suffix.lower() == ".pck"
    if options.scene is not None and not is_pack:
        raise InvalidOptionError(
            "An exported game runs its own main scene.", where="scene", expected="None", got=repr(options.scene)
        )
    if is_pack:
        engine = ensure_engine(options.engine)
        command = [
            str(engine.path),
            "--main-pack",
            str(check_path(path.absolute())),
            *_arguments(options, _DEFAULT_FPS),
        ]
        if options.scene:
            command += ["--scene", options.scene]
        return Launch(tuple(command), True, str(path))
    if not os.access(path, os.X_OK):
        raise GameNotFoundError(
            "This file is no game.",
            where=str(path),
            expected="a project folder, an exported executable, or a .pck file",
            got="a file that cannot be executed",
            remedy="If it is an exported game, mark it as executable: some archives lose that (chmod +x FILE).",
        )
    return Launch((str(path.absolute()), *_arguments(options, _DEFAULT_FPS)), True, str(path))


def start(launch: Launch, options: Options, url: str, token: str, cpu: int | None = None) -> GameProcess:
    """Start the game, which will connect to `url` with `token`, and stay on the processor `cpu` if it is not None.

    Raises:
        GameError: The program could not be started.
        MissingDependencyError: A display is needed, and there is none.
    """
    environment = {"GODOT_MARL_URL": url, "GODOT_MARL_TOKEN": token, **certificate_to_trust(options.ssl)}
    display = None
    if options.render_mode is not None and not has_display():
        if options.render_mode == "human":
            raise MissingDependencyError(
                "This machine has no display to show a window on.",
                where="render_mode",
                expected="the environment variable DISPLAY or WAYLAND_DISPLAY",
                got="neither",
                remedy="Use render_mode='rgb_array', which needs none.",
            )
        width, height = options.render_size or (0, 0)
        display = (max(width, _SMALLEST_DISPLAY[0]), max(height, _SMALLEST_DISPLAY[1]))
    return GameProcess(launch.command, environment=environment, display=display, cpu=cpu)


def _plan_command(game: Game, options: Options) -> Launch:
    if game is not None:
        raise InvalidOptionError(
            "Both a game and a command were given.",
            where="command",
            expected="game=None where command is given",
            got=f"game={os.fspath(game)!r}",
        )
    given = options.command
    command = split_command(given) if isinstance(given, str) else [os.fspath(part) for part in given or ()]
    if not command:
        raise InvalidOptionError("The command is empty.", where="command", expected="a program", got=repr(given))
    return Launch(tuple(command), True, shlex.join(command))


def split_command(text: str, *, for_windows: bool = sys.platform == "win32") -> list[str]:
    """Split a command line as the system's shell would; on Windows a backslash is part of a path.

    Raises:
        InvalidOptionError: A quotation mark is not closed.
    """
    words = shlex.shlex(text, posix=True, punctuation_chars=False)
    words.whitespace_split = True
    words.commenters = ""
    if for_windows:
        words.escape = ""
        words.quotes = '"'
    try:
        return list(words)
    except ValueError as error:
        raise InvalidOptionError(
            "The command cannot be split into words.",
            where="command",
            expected="quotation marks in pairs",
            got=repr(text),
            remedy="Give a list of words.",
        ) from error


def _is_bundle(path: Path) -> bool:
    """Whether this is an exported game of macOS, which is a folder."""
    return path.suffix.lower() == ".app" and (path / "Contents").is_dir()


def _program_of(bundle: Path) -> Path:
    contents = bundle / "Contents"
    name = bundle.stem
    with contextlib.suppress(OSError, ValueError, ExpatError, KeyError, TypeError):
        name = str(plistlib.loads((contents / "Info.plist").read_bytes())["CFBundleExecutable"])
    program = contents / "MacOS" / name
    if not program.is_file():
        raise GameNotFoundError(
            "This .app has no program in it.",
            where=str(bundle),
            expected=f"Contents/MacOS/{name}",
            got="no such file",
            remedy="Export the game again.",
        )
    return program


def _plan_project(folder: Path, options: Options) -> Launch:
    project = Project(folder)
    scene = project.scene_path(options.scene)
    project.check_addon(scene)
    engine = ensure_engine(options.engine)
    project = project.imported(engine, options.start_timeout or IMPORT_TIMEOUT)
    command = [str(engine.path), "--path", str(project.folder), *_arguments(options, project.physics_fps)]
    if options.scene is not None:
        command += ["--scene", scene]
    return Launch(tuple(command), project.may_have_bridge(scene), f"{project.folder} ({scene})")


def _arguments(options: Options, physics_fps: int) -> list[str]:
    """The engine's arguments. A window that a person looks at runs in real time, everything else as fast as it can."""
    size = ["--resolution", "{}x{}".format(*options.render_size)] if options.render_size else []
    if options.render_mode == "human":
        return size
    as_fast_as_it_can = ["--fixed-fps", str(options.physics_fps or physics_fps)]
    if options.render_mode == "rgb_array":
        # Software rendering, as a virtual display has it, knows OpenGL only.
        driver = [] if has_display() else ["--rendering-driver", "opengl3"]
        return [*as_fast_as_it_can, "--disable-render-loop", "--audio-driver", "Dummy", *driver, *size]
    return ["--headless", *as_fast_as_it_can]


def has_display() -> bool:
    """True if a window can be opened."""
    if sys.platform != "linux":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))

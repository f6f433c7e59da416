"""Makes a command from a game and its options, and starts the process."""

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
from godot_marl.game.process import GameProcess
from godot_marl.game.project import IMPORT_TIMEOUT, Project, validate_path
from godot_marl.options import Game, Options
from godot_marl.transport.tls import certificate_to_trust

logger = logging.getLogger(__name__)

_DEFAULT_FPS = 60
_MIN_DISPLAY_SIZE = (1920, 1080)


@dataclass(frozen=True)
class Launch:
    """How to start a game.

    Attributes:
        command: The program and its arguments.
        may_have_bridge: False if no file of the scene mentions the bridge.
        where: The name of the game in errors.
    """

    command: tuple[str, ...]
    may_have_bridge: bool
    where: str


def is_started_by_user(game: Game, options: Options) -> bool:
    """Whether the user starts the game, instead of Python."""
    return game is None and options.command is None


def prepare_launch(game: Game, options: Options) -> Launch | None:
    """Find the command that starts a game, and import its project if that is necessary.

    Args:
        game: The game, as `resolve_command` describes it; None without a command for a game that the user starts.
        options: The environment's options.

    Returns:
        How to start the game; None for a game that the user starts.

    Raises:
        InvalidOptionError: Two options contradict each other.
        EngineError: No engine was found.
        GameError: The game cannot be found or imported.
    """
    if is_started_by_user(game, options):
        return None
    if options.human_agents and options.render_mode != "human":
        raise InvalidOptionError(
            "A person can play only in a window.",
            where="human_agents",
            expected="render_mode='human', or a game that you start",
            got=f"render_mode={options.render_mode!r}",
            remedy="Give render_mode='human' too.",
        )
    return resolve_command(game, options)


def resolve_command(game: Game, options: Options) -> Launch:
    """Find the engine and the command for a game, and import the project if its import cache is out of date.

    Args:
        game: A project folder or its project.godot, an exported executable (on macOS the .app), or a .pck file; None
            if `options.command` is given.
        options: The environment's options.

    Raises:
        GameNotFoundError: There is no such game or scene.
        InvalidOptionError: Two options contradict each other.
        EngineError: No engine was found, or it is too old.
        GameImportError: Godot could not import the project.
        NoBridgeError: The scene uses the addon, but the project does not contain it.
        CacheError: The project must be copied to the cache, which cannot be written.
    """
    if options.command is not None:
        return _launch_of_command(game, options)
    if game is None:
        raise InvalidOptionError("No game was given.", where="game", expected="a game or a command", got="None")
    path = Path(game).expanduser()
    if _is_bundle(path):
        path = _program_of(path)
    if path.is_dir() or not path.exists():
        return _launch_of_project(path, options)
    if path.name == "project.godot":
        return _launch_of_project(path.parent, options)
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
            str(validate_path(path.absolute())),
            *_arguments(options, _DEFAULT_FPS),
        ]
        if options.scene:
            command += ["--scene", options.scene]
        return Launch(tuple(command), True, str(path))
    if not os.access(path, os.X_OK):
        raise GameNotFoundError(
            "This file is not a game.",
            where=str(path),
            expected="a project folder, an exported executable, or a .pck file",
            got="a file that cannot be executed",
            remedy="If it is an exported game, make it executable (chmod +x FILE): some archives lose this permission.",
        )
    return Launch((str(path.absolute()), *_arguments(options, _DEFAULT_FPS)), True, str(path))


def spawn(launch: Launch, options: Options, url: str, token: str, cpu: int | None = None) -> GameProcess:
    """Start the process of a game.

    Args:
        launch: What to start.
        options: The environment's options.
        url: The address that the game connects to.
        token: The token that the game sends.
        cpu: The CPU core to pin the game to; None for all.

    Raises:
        GameError: The program could not be started.
        MissingDependencyError: The game needs a display, and there is none.
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
        display = (max(width, _MIN_DISPLAY_SIZE[0]), max(height, _MIN_DISPLAY_SIZE[1]))
    return GameProcess(launch.command, environment=environment, display=display, cpu=cpu)


def _launch_of_command(game: Game, options: Options) -> Launch:
    if game is not None:
        raise InvalidOptionError(
            "Both a game and a command were given.",
            where="command",
            expected="game=None if command is given",
            got=f"game={os.fspath(game)!r}",
        )
    given = options.command
    command = split_command(given) if isinstance(given, str) else [os.fspath(part) for part in given or ()]
    if not command:
        raise InvalidOptionError("The command is empty.", where="command", expected="a program", got=repr(given))
    return Launch(tuple(command), True, shlex.join(command))


def split_command(text: str, *, for_windows: bool = sys.platform == "win32") -> list[str]:
    """Split a command line as the system's shell does.

    Args:
        text: The command line.
        for_windows: Whether a backslash is part of a path, as on Windows.

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
    """Whether a path is an exported game for macOS, which is a folder."""
    return path.suffix.lower() == ".app" and (path / "Contents").is_dir()


def _program_of(bundle: Path) -> Path:
    contents = bundle / "Contents"
    name = bundle.stem
    with contextlib.suppress(OSError, ValueError, ExpatError, KeyError, TypeError):
        name = str(plistlib.loads((contents / "Info.plist").read_bytes())["CFBundleExecutable"])
    program = contents / "MacOS" / name
    if not program.is_file():
        raise GameNotFoundError(
            "This .app contains no program.",
            where=str(bundle),
            expected=f"Contents/MacOS/{name}",
            got="no such file",
            remedy="Export the game again.",
        )
    return program


def _launch_of_project(folder: Path, options: Options) -> Launch:
    project = Project(folder)
    scene = project.scene_path(options.scene)
    project.validate_addon(scene)
    engine = ensure_engine(options.engine)
    project = project.imported(engine, options.start_timeout or IMPORT_TIMEOUT)
    command = [str(engine.path), "--path", str(project.folder), *_arguments(options, project.physics_fps)]
    if options.scene is not None:
        command += ["--scene", scene]
    return Launch(tuple(command), project.may_have_bridge(scene), f"{project.folder} ({scene})")


def _arguments(options: Options, physics_fps: int) -> list[str]:
    """The arguments for the engine: a window for a person runs in real time, everything else as fast as possible."""
    size = ["--resolution", "{}x{}".format(*options.render_size)] if options.render_size else []
    if options.render_mode == "human":
        return size
    full_speed = ["--fixed-fps", str(options.physics_fps or physics_fps)]
    if options.render_mode == "rgb_array":
        # A virtual display has a software renderer, which supports OpenGL only.
        driver = [] if has_display() else ["--rendering-driver", "opengl3"]
        return [*full_speed, "--disable-render-loop", "--audio-driver", "Dummy", *driver, *size]
    return ["--headless", *full_speed]


def has_display() -> bool:
    """Whether this machine has a display that can show a window."""
    if sys.platform != "linux":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))

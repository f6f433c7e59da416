"""GymGodot's `server-v0`: a Godot 3 game with GymGodot's node as an environment of today's Gymnasium."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from godot_marl import errors
from godot_marl.core.call_validation import closed_error, reset_needed_error
from godot_marl.core.rendering import read_frame
from godot_marl.gymgodot import protocol
from godot_marl.gymgodot.command import parse_command
from godot_marl.gymgodot.game import GameSettings, GymGodotGame
from godot_marl.options import RENDER_MODES
from godot_marl.protocol.seeds import validate_optional_seed
from godot_marl.transport.listener import DEFAULT_PORT

ENV_ID = "godot_marl/server-v0"

_START_TIMEOUT = 60.0
_START_TIMEOUT_OF_USER = 300.0


class GymGodotServerEnv(gymnasium.Env[Any, Any]):
    """A game with GymGodot's node. The arguments are GymGodot's, with the same meaning.

    The game starts at the first `reset`. It has no seeds, and one flag for the end of an episode, which is `terminated`
    here; `max_episode_steps=` of `gymnasium.make` truncates.

    Args:
        serverIP: The address to listen on, to which the game connects. GymGodot's protocol has no token: keep the
            default where other machines can reach this one.
        serverPort: The port as a number or its digits; 0 lets the system choose.
        exeCmd: The game's command: `ENGINE SCENE`, an exported game, or either after `cd DIR &&`. It runs without a
            shell. None waits for a game that the user starts.
        action_space: A Box, Discrete, MultiDiscrete or MultiBinary space. Its bounds are not enforced.
        observation_space: A space of the same types. Observations have its shape and dtype.
        window_render: Render each frame in the game's window.
        renderPath: The folder in which `render` saves 0.png, 1.png, ...; it is created. A relative path is relative to
            the game's current folder.
        env_fps: The game's frames per second.
        proc_mode: "process" or "thread", how GymGodot's server ran. There is no such server now, so both are the same.
        render_mode: None; "human", the same as window_render=True; or "rgb_array": `render` also returns the saved
            image.
        start_timeout: Seconds until the game must have connected. None: 60, or 300 for a game that the user starts.
        step_timeout: Seconds until the game must have answered a request.

    Raises:
        InvalidOptionError: An argument has an invalid value.
        InvalidSpaceError: A space is missing, or of an unsupported type.
        GameNotFoundError: The folder in exeCmd does not exist.
    """

    metadata = {"render_modes": list(RENDER_MODES), "render_fps": 60}  # noqa: RUF012 - Gymnasium's own form

    def __init__(
        self,
        serverIP: str = "127.0.0.1",
        serverPort: int | str = DEFAULT_PORT,
        exeCmd: str | Sequence[str] | None = None,
        action_space: spaces.Space[Any] | None = None,
        observation_space: spaces.Space[Any] | None = None,
        proc_mode: str = "process",
        window_render: bool = False,
        env_fps: int = 60,
        renderPath: str | os.PathLike[str] = "./render_frames/",
        *,
        render_mode: str | None = None,
        start_timeout: float | None = None,
        step_timeout: float = 60.0,
    ) -> None:
        protocol.check_space("action_space", action_space)
        protocol.check_space("observation_space", observation_space)
        assert action_space is not None
        assert observation_space is not None
        self.action_space = action_space
        self.observation_space = observation_space
        self.render_mode = render_mode
        _require(proc_mode in ("process", "thread"), "proc_mode", "'process' or 'thread'", proc_mode)
        _require(
            render_mode is None or render_mode in RENDER_MODES,
            "render_mode",
            "None, 'human' or 'rgb_array'",
            render_mode,
        )
        _require(isinstance(window_render, bool), "window_render", "True or False", window_render)
        _require(_is_int(env_fps) and env_fps > 0, "env_fps", "an integer of at least 1", env_fps)
        _require(isinstance(serverIP, str) and serverIP != "", "serverIP", "an address of this machine", serverIP)
        port = int(serverPort) if str(serverPort).isdecimal() and not isinstance(serverPort, bool) else -1
        _require(0 <= port < 65536, "serverPort", "0 to 65535", serverPort)
        for name, value in (("start_timeout", start_timeout), ("step_timeout", step_timeout)):
            is_default = value is None and name == "start_timeout"
            is_valid = isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0
            _require(is_default or is_valid, name, "a number of seconds above 0", value)
        command = None if exeCmd is None else parse_command(exeCmd)
        folder = Path.cwd() if command is None else command.game_folder
        self._image_folder = (folder / Path(renderPath).expanduser()).absolute()
        _require(
            "=" not in str(self._image_folder),
            "renderPath",
            "a path without =, because the node splits its arguments there",
            renderPath,
        )
        self.metadata = {**self.metadata, "render_fps": env_fps}
        self._settings = GameSettings(
            command=command,
            host=serverIP,
            port=port,
            env_fps=env_fps,
            window_render=window_render or render_mode == "human",
            needs_display=window_render or render_mode is not None,
            # The node appends a number and .png.
            render_path=f"{self._image_folder.as_posix()}/",
            start_timeout=start_timeout or (_START_TIMEOUT_OF_USER if exeCmd is None else _START_TIMEOUT),
            step_timeout=step_timeout,
        )
        self._game: GymGodotGame | None = None
        self._is_closed = False
        self._was_reset = False
        # The node restarts its count after each reset.
        self._next_image = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; starts the game if it does not run.

        Args:
            seed: Seeds only `np_random`, because GymGodot's games have no seeds.
            options: None, because GymGodot's games have no options.

        Returns:
            The first observation, and an empty info.

        Raises:
            ClosedEnvironmentError: The environment was closed.
            InvalidOptionError: There are options, or the seed is out of range.
            GodotMarlError: The game failed; `reset` starts it again.
        """
        seed = validate_optional_seed(seed, "reset(seed=...)")
        _require(not options, "reset(options=...)", "None: GymGodot's games take no options", options)
        super().reset(seed=seed)
        if self._is_closed:
            raise closed_error(self._name)
        if self._running() is None:
            self._game = GymGodotGame(self._settings)
        with self._end_game_on_error():
            assert self._game is not None
            observation = protocol.read_reset(self._game.request(protocol.RESET, "resetting"), self.observation_space)
        self._was_reset = True
        self._next_image = 0
        return observation, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Apply an action, and advance the game by its node's `stepLength` frames.

        A step after the end of the episode is valid; its effect depends on the game, as in GymGodot.

        Args:
            action: A value of `action_space`.

        Returns:
            The observation, the reward, whether the episode terminated, False, and an empty info.

        Raises:
            ResetNeededError: There was no reset, or the game failed after it.
            InvalidActionError: The action has another number of elements than its space.
            InvalidObservationError: The observation does not have its space's shape and type.
            GodotMarlError: The game failed; `reset` starts it again.
        """
        game = self._require_running("step")
        message = protocol.step_message(action, self.action_space)
        with self._end_game_on_error():
            observation, reward, done = protocol.read_step(game.request(message, "stepping"), self.observation_space)
        return observation, reward, done, False, {}

    def render(self) -> np.ndarray[Any, Any] | None:
        """Save the current image in `renderPath`, with the next number as its name.

        Returns:
            The image for render_mode "rgb_array", uint8 of shape (height, width, 3); else None.

        Raises:
            ResetNeededError: There was no reset, or the game failed after it.
            GameError: The game could not save the image.
            MissingDependencyError: Pillow, which reads the image, is not installed.
        """
        game = self._require_running("render")
        # The node does not create the folder.
        self._create_image_folder()
        path = self._image_folder / f"{self._next_image}.png"
        with self._end_game_on_error():
            try:
                code = protocol.read_render(game.request(protocol.RENDER, "rendering"))
            except errors.ScriptError as error:
                # Without a window there is no image, and the node's script fails.
                raise _image_error(path, str(error)) from error
        self._next_image += 1
        if code != "0":
            raise _image_error(path, f"Godot's error code {code}")
        return read_frame(path) if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """End the game. Safe to call twice."""
        self._is_closed = True
        self._end_game()

    def __del__(self) -> None:
        """End the game with the object, if `close` was not called."""
        # At Python's exit the supervisor ends the game, and this thread can no longer wait for others.
        if getattr(self, "_game", None) is not None and not sys.is_finalizing():
            self._end_game(timeout=0.0)

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the arguments without the game."""
        return {**self.__dict__, "_game": None, "_was_reset": False}

    def _require_running(self, method: str) -> GymGodotGame:
        if self._is_closed:
            raise closed_error(self._name)
        game = self._running()
        if game is None or not self._was_reset:
            raise reset_needed_error(method)
        return game

    def _running(self) -> GymGodotGame | None:
        """Return the game; None in a forked child, because two processes cannot share a socket."""
        if self._game is not None and self._game.is_inherited:
            self._game, self._was_reset = None, False
        return self._game

    @property
    def _name(self) -> str:
        return self.spec.id if self.spec else ENV_ID

    @contextlib.contextmanager
    def _end_game_on_error(self) -> Iterator[None]:
        """End the game after an error or Ctrl-C, because the next request would receive the reply to this one."""
        try:
            yield
        except BaseException:
            self._end_game(timeout=0.0)
            raise

    def _end_game(self, timeout: float | None = None) -> None:
        game, self._game = self._game, None
        self._was_reset = False
        if game is not None:
            game.close() if timeout is None else game.close(timeout)

    def _create_image_folder(self) -> None:
        try:
            self._image_folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise errors.InvalidOptionError(
                "The folder for images cannot be created.",
                where=f"renderPath={str(self._image_folder)!r}",
                expected="a writable folder",
                got=str(error),
            ) from error


def _image_error(path: Path, got: str) -> errors.GameError:
    return errors.GameError(
        "The game could not save an image.",
        where=str(path),
        expected="a saved image",
        got=got,
        remedy="Check that the folder is writable, and that the game has a window: Godot's server build has none.",
    )


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _require(condition: bool, name: str, expected: str, got: object) -> None:
    if not condition:
        raise errors.InvalidOptionError(
            "An argument has a value that cannot work.", where=name, expected=expected, got=repr(got)
        )

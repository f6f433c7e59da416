"""GymGodot's `server-v0`: a Godot 3 game with GymGodot's node as a Gymnasium environment of today."""

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
from godot_marl.calls import check_seed, closed_error, reset_needed_error
from godot_marl.frames import read_frame
from godot_marl.gymgodot import wire
from godot_marl.gymgodot.command import parse_command
from godot_marl.gymgodot.game import GymGodotGame, Wish
from godot_marl.listener import DEFAULT_PORT
from godot_marl.options import RENDER_MODES

ENV_ID = "godot_marl/server-v0"

_START_TIMEOUT = 60.0
_START_TIMEOUT_BY_HAND = 300.0


class GymGodotServerEnv(gymnasium.Env[Any, Any]):
    """A game with GymGodot's node. Its arguments are GymGodot's, with the meaning that they had there.

    The game starts at the first `reset`. It knows no seeds, and one flag for the end of an episode, which is
    `terminated` here; `max_episode_steps=` of `gymnasium.make` truncates.

    Args:
        serverIP: The address to listen on, which the game is told. This wire knows no token: stay with the default
            where others can reach the machine.
        serverPort: The port, a number or its digits; 0 lets the system choose.
        exeCmd: What starts the game: `ENGINE SCENE`, an exported game, or either after `cd DIR &&`. It is taken apart
            and run without a shell. None waits for a game that the user starts.
        action_space: What an action is: Box, Discrete, MultiDiscrete or MultiBinary. Its bounds are not enforced.
        observation_space: What an observation is, likewise. Observations have its shape and dtype.
        window_render: Draw each frame in the game's window.
        renderPath: The folder in which `render` saves 0.png, 1.png, ..., made if it is not there. A relative one is
            meant from the folder that the game runs in.
        env_fps: Frames in a second of the game.
        proc_mode: "process" or "thread", which was how GymGodot's server ran. There is none any more, so both are the
            same.
        render_mode: None; "human", the same as window_render=True; or "rgb_array": `render` also returns the frame
            that was saved.
        start_timeout: Seconds until the game must have connected. None: 60, or 300 for a game that the user starts.
        step_timeout: Seconds until it must have answered a request.

    Raises:
        InvalidOptionError: An argument has a value that cannot work.
        InvalidSpaceError: A space is missing, or of a kind that this wire does not know.
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
        wire.check_space("action_space", action_space)
        wire.check_space("observation_space", observation_space)
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
            is_left_out = value is None and name == "start_timeout"
            fits = isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0
            _require(is_left_out or fits, name, "a number of seconds above 0", value)
        command = None if exeCmd is None else parse_command(exeCmd)
        folder = Path.cwd() if command is None else command.game_folder
        self._frames_folder = (folder / Path(renderPath).expanduser()).absolute()
        _require(
            "=" not in str(self._frames_folder),
            "renderPath",
            "a path without =, where the node would cut it",
            renderPath,
        )
        self.metadata = {**self.metadata, "render_fps": env_fps}
        self._wish = Wish(
            command=command,
            host=serverIP,
            port=port,
            env_fps=env_fps,
            window_render=window_render or render_mode == "human",
            needs_display=window_render or render_mode is not None,
            # The node puts a number and .png behind it.
            render_path=f"{self._frames_folder.as_posix()}/",
            start_timeout=start_timeout or (_START_TIMEOUT_BY_HAND if exeCmd is None else _START_TIMEOUT),
            step_timeout=step_timeout,
        )
        self._game: GymGodotGame | None = None
        self._is_closed = False
        self._was_reset = False
        # As the node counts: from 0 after each reset.
        self._next_frame = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; starts the game if it does not run.

        Args:
            seed: Seeds `np_random` alone: no seed reaches GymGodot's games.
            options: None, as nothing in the game takes them.

        Returns:
            The first observation, and an empty info.

        Raises:
            ClosedEnvironmentError: The environment was closed.
            InvalidOptionError: Options were given, or the seed is out of range.
            GodotMarlError: The game failed; `reset` starts it again.
        """
        check_seed(seed)
        _require(not options, "reset(options=...)", "None: GymGodot's games take no options", options)
        super().reset(seed=seed)
        if self._is_closed:
            raise closed_error(self._name)
        if self._running() is None:
            self._game = GymGodotGame(self._wish)
        with self._ending_the_game_at_a_fault():
            assert self._game is not None
            observation = wire.read_reset(self._game.ask(wire.RESET, "resetting"), self.observation_space)
        self._was_reset = True
        self._next_frame = 0
        return observation, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Let the agent act, and the game go on by its node's `stepLength` frames.

        What a step after the end of the episode does is the game's business, as it was in GymGodot.

        Raises:
            ResetNeededError: There was no reset yet, or the game failed since.
            InvalidActionError: The action has another number of elements than its space.
            InvalidObservationError: The game answered something that is not of its space's shape and type.
            GodotMarlError: The game failed; `reset` starts it again.
        """
        game = self._at_work("step")
        message = wire.step_message(action, self.action_space)
        with self._ending_the_game_at_a_fault():
            observation, reward, done = wire.read_step(game.ask(message, "stepping"), self.observation_space)
        return observation, reward, done, False, {}

    def render(self) -> np.ndarray[Any, Any] | None:
        """Let the game save its frame as the next number in `renderPath`.

        Returns:
            The frame for render_mode "rgb_array", uint8 of shape (height, width, 3); else None.

        Raises:
            ResetNeededError: There was no reset yet, or the game failed since.
            GameError: The game could not save it.
            MissingDependencyError: Pillow, which reads the frame, is not installed.
        """
        game = self._at_work("render")
        # The node does not make it.
        self._make_frames_folder()
        path = self._frames_folder / f"{self._next_frame}.png"
        with self._ending_the_game_at_a_fault():
            try:
                code = wire.read_render(game.ask(wire.RENDER, "rendering"))
            except errors.ScriptError as error:
                # Where there is no window, there is no picture to be turned and saved.
                raise _frame_error(path, str(error)) from error
        self._next_frame += 1
        if code != "0":
            raise _frame_error(path, f"Godot's error code {code}")
        return read_frame(path) if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """End the game. Safe to call twice."""
        self._is_closed = True
        self._end_game()

    def __del__(self) -> None:
        """End the game with the object, for those who forget to close."""
        # At Python's own end its supervisor does that, and threads can no longer be waited for.
        if getattr(self, "_game", None) is not None and not sys.is_finalizing():
            self._end_game(patience=0.0)

    def __getstate__(self) -> dict[str, Any]:
        """Carry the arguments, never the game."""
        return {**self.__dict__, "_game": None, "_was_reset": False}

    def _at_work(self, method: str) -> GymGodotGame:
        if self._is_closed:
            raise closed_error(self._name)
        game = self._running()
        if game is None or not self._was_reset:
            raise reset_needed_error(method)
        return game

    def _running(self) -> GymGodotGame | None:
        """The game; a forked child starts one of its own, because two processes cannot talk over one socket."""
        if self._game is not None and self._game.is_inherited:
            self._game, self._was_reset = None, False
        return self._game

    @property
    def _name(self) -> str:
        return self.spec.id if self.spec else ENV_ID

    @contextlib.contextmanager
    def _ending_the_game_at_a_fault(self) -> Iterator[None]:
        """After a fault, or Ctrl-C in mid-step, the next request would meet the answer to this one."""
        try:
            yield
        except BaseException:
            self._end_game(patience=0.0)
            raise

    def _end_game(self, patience: float | None = None) -> None:
        game, self._game = self._game, None
        self._was_reset = False
        if game is not None:
            game.close() if patience is None else game.close(patience)

    def _make_frames_folder(self) -> None:
        try:
            self._frames_folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise errors.InvalidOptionError(
                "The folder for frames cannot be made.",
                where=f"renderPath={str(self._frames_folder)!r}",
                expected="a folder that can be written",
                got=str(error),
            ) from error


def _frame_error(path: Path, got: str) -> errors.GameError:
    return errors.GameError(
        "The game could not save a frame.",
        where=str(path),
        expected="a saved picture",
        got=got,
        remedy="See whether the game may write there, and whether it has a window: Godot's server build has none.",
    )


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _require(fits: bool, name: str, expected: str, got: object) -> None:
    if not fits:
        raise errors.InvalidOptionError(
            "An argument has a value that cannot work.", where=name, expected=expected, got=repr(got)
        )

"""A running game with GymGodot's node: its process, its connection, and a deadline on every wait."""

from __future__ import annotations

import logging
import os
import shlex
import time
from dataclasses import dataclass

from godot_marl import errors
from godot_marl.game.failures import LOOK_FOR_QUIT, connection_closed_error, exited_error, timeout_error
from godot_marl.game.launch import has_display
from godot_marl.game.log_parser import bridge_error_in, script_error_in, tail_for_message
from godot_marl.game.process import GameProcess
from godot_marl.game.shutdown import EXIT_TIMEOUT, end_game
from godot_marl.gymgodot import protocol
from godot_marl.gymgodot.command import Command, game_arguments
from godot_marl.transport.connection import Connection
from godot_marl.transport.listener import Listener

logger = logging.getLogger(__name__)

# Seconds between two checks for script errors while Python waits for a reply.
_POLL_INTERVAL = 1.0
_DISPLAY_SIZE = (1920, 1080)
_NEEDS_DISPLAY = (
    "If the game needs a display: render_mode='rgb_array' or window_render=True provide one, "
    "and Godot's server build works without."
)


@dataclass(frozen=True)
class GameSettings:
    """How to start a game.

    Attributes:
        command: The game's command; None for a game that the user starts.
        host: The address to listen on, to which the game connects.
        port: The port; 0 lets the system choose.
        env_fps: The game's frames per second.
        window_render: Render each frame in the window.
        needs_display: Start a virtual display where there is none.
        render_path: The folder for images, with a slash at its end.
        start_timeout: Seconds until the game must have connected.
        step_timeout: Seconds until the game must have answered a request.
    """

    command: Command | None
    host: str
    port: int
    env_fps: int
    window_render: bool
    needs_display: bool
    render_path: str
    start_timeout: float
    step_timeout: float


class GymGodotGame:
    """A game, from its start to its end. Every failure becomes one exception of `godot_marl.errors`.

    Args:
        settings: How to start the game.

    Raises:
        AddressInUseError: The port is in use.
        GameError: The game cannot be started, exits, or does not connect.
        MissingDependencyError: The game needs a display, and there is none.
    """

    def __init__(self, settings: GameSettings) -> None:
        self._settings = settings
        self._owner = os.getpid()
        self._process: GameProcess | None = None
        self._connection: Connection | None = None
        self._where = "the game"
        self._logged_places: set[str | None] = set()
        try:
            self._start()
        except BaseException:
            self.close(timeout=0.0)
            raise

    def _start(self) -> None:
        settings = self._settings
        listener = Listener(settings.host, settings.port, None, subprotocol=None)
        try:
            if settings.command is None:
                logger.warning("waiting for a game with GymGodot's node on %s: start it now", listener.url)
            else:
                self._launch(settings.command, listener.port)
            self._connection = self._accept(listener)
        finally:
            listener.close()

    def _launch(self, command: Command, port: int) -> None:
        settings = self._settings
        arguments = game_arguments(
            command,
            env_fps=settings.env_fps,
            window_render=settings.window_render,
            host=settings.host,
            port=port,
            render_path=settings.render_path,
        )
        self._where = shlex.join(command.arguments)
        display = _DISPLAY_SIZE if settings.needs_display and not has_display() else None
        self._process = GameProcess(arguments, folder=command.folder, display=display)

    def _accept(self, listener: Listener) -> Connection:
        begin = time.monotonic()

        def check() -> None:
            if self._process is not None and self._process.is_over:
                raise self._exit_error("before it connected")

        try:
            return listener.accept(begin + self._settings.start_timeout, check)
        except TimeoutError as error:
            output = tail_for_message(self._process.output()) if self._process else "none"
            raise errors.GameTimeoutError(
                "No game connected." if self._process is None else "The game runs, but did not connect.",
                where=listener.url
                if self._process is None
                else f"{self._where}, which should connect to {listener.url}",
                expected=f"a connection within {self._settings.start_timeout:g} s",
                got=output,
                remedy="Check that the scene has GymGodot's node, that it is enabled, and that its serverIP and "
                "serverPort are these; start_timeout= extends the wait.",
            ) from error

    # -- Requests ------------------------------------------------------------------------------------------------------

    def request(self, message: str, activity: str) -> str | bytes | memoryview:
        """Send a request, and wait for the reply.

        Args:
            message: The request.
            activity: What Python is doing, for errors, such as "stepping".

        Raises:
            GameExitedError: The game exited.
            GameTimeoutError: The game did not answer in time.
            ScriptError: A script of the game failed.
            ProtocolError: The reply is not a WebSocket message.
        """
        assert self._connection is not None
        deadline = time.monotonic() + self._settings.step_timeout
        # Earlier script errors do not explain a missing reply to this request.
        self._log_script_errors()
        try:
            self._connection.send(message, deadline)
            reply = self._receive(deadline)
        except TimeoutError as error:
            raise self._timeout_error(activity) from error
        except OSError as error:
            raise self._connection_error(activity, error) from error
        self._log_script_errors()
        return reply

    def _log_script_errors(self) -> None:
        """Log new script errors. They raise nothing, because GymGodot also continued after them."""
        error = self._new_script_error()
        if error is not None and error.where not in self._logged_places:
            self._logged_places.add(error.where)
            logger.warning("%s", error)

    def _receive(self, deadline: float) -> str | bytes | memoryview:
        """Receive a reply. A late game with a script error raises it at once, because it may never answer."""
        assert self._connection is not None
        while True:
            try:
                return self._connection.receive(min(deadline, time.monotonic() + _POLL_INTERVAL))
            except TimeoutError:
                script_error = self._new_script_error()
                if script_error is not None:
                    raise script_error from None
                if time.monotonic() >= deadline:
                    raise

    def _new_script_error(self) -> errors.ScriptError | None:
        return script_error_in(self._process.read_new_output(), godot=3) if self._process else None

    def _script_error(self) -> errors.ScriptError | None:
        return script_error_in(self._process.all_output(), godot=3) if self._process else None

    def _timeout_error(self, activity: str) -> errors.GodotMarlError:
        script_error = self._script_error()
        if script_error is not None:
            return script_error
        return timeout_error("did not reply", self._where, activity, self._settings.step_timeout, self._process)

    def _connection_error(self, activity: str, cause: OSError) -> errors.GodotMarlError:
        if self._process is None:
            return connection_closed_error(self._where, activity, cause)
        self._process.wait(EXIT_TIMEOUT)
        return self._exit_error(f"while Python was {activity}")

    def _exit_error(self, when: str) -> errors.GodotMarlError:
        assert self._process is not None
        script_error = self._script_error()
        if script_error is not None:
            return script_error
        remedy = LOOK_FOR_QUIT if has_display() else f"{LOOK_FOR_QUIT} {_NEEDS_DISPLAY}"
        if bridge_error_in(self._process.output()) is not None:
            remedy = "This scene has a MarlBridge: use gymnasium.make('godot_marl/Godot-v0', game=...)."
        return exited_error(self._process, self._where, when, remedy=remedy)

    # -- The end -------------------------------------------------------------------------------------------------------

    @property
    def is_inherited(self) -> bool:
        """Whether this is a forked child, in which the game and its socket belong to the parent."""
        return self._owner != os.getpid()

    def close(self, timeout: float = EXIT_TIMEOUT) -> None:
        """End the game, and wait until its process is gone. Safe to call twice; does nothing in a forked child."""
        if self.is_inherited:
            return
        process = self._process
        try:
            end_game(self._connection, process, protocol.CLOSE, timeout)
        finally:
            # Again, because a second Ctrl-C may have interrupted end_game.
            if process is not None:
                process.end()
            self._connection = self._process = None

"""One running game with GymGodot's node: its process, the link to it, and a deadline on every wait."""

from __future__ import annotations

import logging
import os
import shlex
import time
from dataclasses import dataclass

from godot_marl import errors
from godot_marl.endings import EXIT_PATIENCE, LOOK_FOR_QUIT, closed_error, end_game, exited_error, timeout_error
from godot_marl.gymgodot import wire
from godot_marl.gymgodot.command import Command, game_arguments
from godot_marl.launcher import has_display
from godot_marl.link import Link
from godot_marl.listener import Listener
from godot_marl.output import complaint_in, last_words, script_error_in
from godot_marl.process import GameProcess

logger = logging.getLogger(__name__)

_LATE = 1.0
_DISPLAY_SIZE = (1920, 1080)
_NEEDS_DISPLAY = (
    "If it wants a display: render_mode='rgb_array' or window_render=True bring one, "
    "and Godot's server build needs none."
)


@dataclass(frozen=True)
class Wish:
    """How to start a game.

    Attributes:
        command: What to start; None for a game that the user starts.
        host: The address to listen on, which the game is told.
        port: The port; 0 lets the system choose.
        env_fps: Frames in a second of the game.
        window_render: Draw each frame in the window.
        needs_display: Start a virtual display where there is none.
        render_path: The folder for frames, with a slash at its end.
        start_timeout: Seconds until the game must have connected.
        step_timeout: Seconds until it must have answered.
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
    """One game, from its start to its end. A fault ends it and becomes one exception of `godot_marl.errors`.

    Args:
        wish: How to start it.

    Raises:
        AddressInUseError: The port is taken.
        GameError: The game cannot be started, ends, or never connects.
        MissingDependencyError: It needs a display, and there is none.
    """

    def __init__(self, wish: Wish) -> None:
        self._wish = wish
        self._owner = os.getpid()
        self._process: GameProcess | None = None
        self._link: Link | None = None
        self._where = "the game"
        self._logged: set[str | None] = set()
        try:
            self._start()
        except BaseException:
            self.close(patience=0.0)
            raise

    def _start(self) -> None:
        wish = self._wish
        listener = Listener(wish.host, wish.port, None, subprotocol=None)
        try:
            if wish.command is None:
                logger.warning("waiting for a game with GymGodot's node on %s: start it now", listener.url)
            else:
                self._launch(wish.command, listener.port)
            self._link = self._accept(listener)
        finally:
            listener.close()

    def _launch(self, command: Command, port: int) -> None:
        wish = self._wish
        arguments = game_arguments(
            command,
            env_fps=wish.env_fps,
            window_render=wish.window_render,
            host=wish.host,
            port=port,
            render_path=wish.render_path,
        )
        self._where = shlex.join(command.arguments)
        display = _DISPLAY_SIZE if wish.needs_display and not has_display() else None
        self._process = GameProcess(arguments, folder=command.folder, display=display)

    def _accept(self, listener: Listener) -> Link:
        begin = time.monotonic()

        def check() -> None:
            if self._process is not None and self._process.is_over:
                raise self._exit_error("before it connected")

        try:
            return listener.accept(begin + self._wish.start_timeout, check)
        except TimeoutError as error:
            output = last_words(self._process.output()) if self._process else "none"
            raise errors.GameTimeoutError(
                "No game connected." if self._process is None else "The game runs, but did not connect.",
                where=listener.url
                if self._process is None
                else f"{self._where}, which should connect to {listener.url}",
                expected=f"a connection within {self._wish.start_timeout:g} s",
                got=output,
                remedy="See whether the scene has GymGodot's node, enabled, and that its serverIP and serverPort are "
                "these; start_timeout= makes the wait longer.",
            ) from error

    # -- Requests ------------------------------------------------------------------------------------------------------

    def ask(self, message: str, doing: str) -> str | bytes | memoryview:
        """Send a request and wait for its answer.

        Args:
            message: The request.
            doing: What Python is doing, for errors: "stepping".

        Raises:
            GameExitedError: The game ended.
            GameTimeoutError: It did not answer in time.
        ScriptError: Because a script of it failed.
            ProtocolError: What came is no WebSocket message.
        """
        assert self._link is not None
        deadline = time.monotonic() + self._wish.step_timeout
        # What it has complained of until now is no reason for this answer to be missing.
        self._log_script_errors()
        try:
            self._link.send(message, deadline)
            answer = self._receive(deadline)
        except TimeoutError as error:
            raise self._timeout_error(doing) from error
        except OSError as error:
            raise self._lost(doing, error) from error
        self._log_script_errors()
        return answer

    def _log_script_errors(self) -> None:
        """A script error that did not stop the game did not stop GymGodot either."""
        error = script_error_in(self._process.fresh_output(), godot=3) if self._process else None
        if error is not None and error.where not in self._logged:
            self._logged.add(error.where)
            logger.warning("%s", error)

    def _receive(self, deadline: float) -> str | bytes | memoryview:
        """A script that fails may never answer: who is late and has complained is not waited for to the end."""
        assert self._link is not None
        while True:
            try:
                return self._link.receive(min(deadline, time.monotonic() + _LATE))
            except TimeoutError:
                complaint = script_error_in(self._process.fresh_output(), godot=3) if self._process else None
                if complaint is not None:
                    raise complaint from None
                if time.monotonic() >= deadline:
                    raise

    def _script_error(self) -> errors.ScriptError | None:
        return script_error_in(self._process.whole_output(), godot=3) if self._process else None

    def _timeout_error(self, doing: str) -> errors.GodotMarlError:
        script_error = self._script_error()
        if script_error is not None:
            return script_error
        return timeout_error("did not answer", self._where, doing, self._wish.step_timeout, self._process)

    def _lost(self, doing: str, cause: OSError) -> errors.GodotMarlError:
        if self._process is None:
            return closed_error(self._where, doing, cause)
        self._process.wait(EXIT_PATIENCE)
        return self._exit_error(f"while Python was {doing}")

    def _exit_error(self, when: str) -> errors.GodotMarlError:
        assert self._process is not None
        script_error = self._script_error()
        if script_error is not None:
            return script_error
        remedy = LOOK_FOR_QUIT if has_display() else f"{LOOK_FOR_QUIT} {_NEEDS_DISPLAY}"
        if complaint_in(self._process.output()) is not None:
            remedy = "This scene has a MarlBridge: use gymnasium.make('godot_marl/Godot-v0', game=...)."
        return exited_error(self._process, self._where, when, remedy=remedy)

    # -- The end -------------------------------------------------------------------------------------------------------

    @property
    def is_inherited(self) -> bool:
        """True in a forked child: the game and its socket are the parent's."""
        return self._owner != os.getpid()

    def close(self, patience: float = EXIT_PATIENCE) -> None:
        """End the game and wait until it is gone. Safe to call twice; in a forked child it does nothing."""
        if self.is_inherited:
            return
        process = self._process
        try:
            end_game(self._link, process, wire.CLOSE, patience)
        finally:
            # Once more, for a second Ctrl-C; the game is forgotten only after that.
            if process is not None:
                process.end()
            self._link = self._process = None

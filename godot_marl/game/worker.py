"""One running Godot: its process, its connection and its protocol session, with a deadline on every wait."""

from __future__ import annotations

import logging
import math
import os
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from godot_marl import errors
from godot_marl.game.failures import (
    connection_closed_error,
    disabled_bridge_error,
    exited_error,
    no_bridge_error,
    no_connection_error,
    not_connected_error,
    timeout_error,
)
from godot_marl.game.launch import Launch, is_started_by_user, prepare_launch, spawn
from godot_marl.game.log_parser import bridge_error_in, script_error_in, tail_for_message
from godot_marl.game.process import GameProcess
from godot_marl.game.shutdown import EXIT_TIMEOUT, end_game
from godot_marl.options import Game, Options
from godot_marl.protocol.codec import MessageCodec, Reply
from godot_marl.protocol.messages import CLOSE_VERSION, Configuration, SceneDescription
from godot_marl.protocol.session import Session
from godot_marl.transport.connection import Connection
from godot_marl.transport.listener import DEFAULT_PORT, Listener
from godot_marl.transport.tls import server_context

logger = logging.getLogger(__name__)

_Result = TypeVar("_Result")

_START_TIMEOUT = 60.0
_USER_START_TIMEOUT = 300.0
# Seconds for a game to connect if nothing in its scene names the bridge: the scene probably has none.
_NO_BRIDGE_TIMEOUT = 5.0
# Seconds for a game to connect after a script failed to parse: enough to print its other errors.
_PARSE_ERROR_TIMEOUT = 1.0
# Seconds to read a reply that arrived before its deadline, while Python did something else.
_READ_TIMEOUT = 0.5
# Seconds for a person to choose an action, in practice without a limit: closing the window ends the wait.
_PERSON_TIMEOUT = 7 * 24 * 3600.0


class Worker:
    """One running Godot process and its connection.

    Every fault ends the game and raises one exception of `godot_marl.errors`; the worker cannot be used afterwards.

    Args:
        game: The game to start; None without a command waits for a game that the user starts.
        options: The environment's options.
        arenas: The number of arenas, at least 1.
        layout: "separate": each arena in its own world; "shared": all arenas side by side in one world.
        number: The worker's number, from 0, if several workers share the CPU cores; None for a single worker.
        cpu: The CPU core to pin the game to; None for all.
    """

    def __init__(
        self,
        game: Game,
        options: Options,
        arenas: int = 1,
        layout: str = "separate",
        *,
        number: int | None = None,
        cpu: int | None = None,
    ) -> None:
        self._game = game
        self._options = options
        self._process: GameProcess | None = None
        self._connection: Connection | None = None
        self._number = number
        self._cpu = cpu
        self._where = "the game"
        self._owner = os.getpid()
        self._launch: Launch | None = None
        self._is_canceled = False
        self._deadline = 0.0
        configuration = Configuration(
            arenas=arenas,
            step_length=options.step_length,
            physics_fps=options.physics_fps,
            real_time=options.render_mode == "human" or is_started_by_user(game, options),
            turn_timeout=options.turn_timeout,
            human_agents=options.human_agents,
            layout=layout,
            exact_reset=options.exact_reset,
            action_space=options.action_space,
            observation_space=options.observation_space,
        )
        self._session = Session(configuration)

    @property
    def codec(self) -> MessageCodec:
        """The codec of the game's binary messages; available after `start`."""
        return self._session.codec

    def start(self, launch: Launch | None = None) -> SceneDescription:
        """Start the game, accept its connection, and do the handshake (docs/protocol.md, 2.1 to 2.3).

        Args:
            launch: The result of `prepare_launch`; None prepares the launch here.

        Returns:
            The description of the scene.

        Raises:
            InvalidOptionError: Two options contradict each other.
            EngineError: No engine was found.
            GameError: The game cannot be found or started, ends, or does not connect in time.
            SceneError: The scene does not follow the agent interface.
            ProtocolError: The game does not follow the protocol, or has another version of it.
            ClosedEnvironmentError: Another thread called `end` meanwhile.
        """
        try:
            return self._start(launch)
        except BaseException:
            self.close(timeout=0.0)
            raise

    def _start(self, launch: Launch | None) -> SceneDescription:
        self._launch = launch = launch or prepare_launch(self._game, self._options)
        self._check_canceled()
        token = self._options.token
        if launch is not None:
            token = token or secrets.token_urlsafe(24)
            self._where = launch.where if self._number is None else f"worker {self._number}, {launch.where}"
        port = self._options.port
        if port is None:
            port = DEFAULT_PORT if launch is None else 0
        listener = Listener(self._options.host, port, token, server_context(self._options.ssl))
        try:
            if launch is not None:
                self._process = spawn(launch, self._options, listener.url, token or "", self._cpu)
                self._check_canceled()
            else:
                logger.warning("waiting for a game on %s: start it now, for example with Play", listener.url)
            deadline = time.monotonic() + self._start_timeout
            self._connection = self._accept(listener, deadline)
            if self._number is not None:
                # Spinning would take CPU time from the games of the other workers.
                self._connection.spin_seconds = 0.0
        finally:
            listener.close()
        return self._shake_hands(deadline)

    def _check_canceled(self) -> None:
        """Another thread may call `end` during the start, before there is a process to end."""
        if self._is_canceled:
            raise errors.ClosedEnvironmentError("The game was ended while it started.", where=self._where)

    @property
    def _start_timeout(self) -> float:
        if self._options.start_timeout is not None:
            return self._options.start_timeout
        return _START_TIMEOUT if self._launch is not None else _USER_START_TIMEOUT

    def _accept(self, listener: Listener, deadline: float) -> Connection:
        start_time = time.monotonic()
        give_up_time = math.inf if self._may_have_bridge else start_time + _NO_BRIDGE_TIMEOUT

        def check() -> None:
            nonlocal give_up_time
            self._check_canceled()
            if self._process is None:
                return
            if self._process.is_over:
                raise self._exit_error("before it connected", listener.reason)
            if self._process.read_new_output() and self._parse_error() is not None:
                # Even if the game connected, the handshake would end with this error.
                give_up_time = min(give_up_time, time.monotonic() + _PARSE_ERROR_TIMEOUT)
            if time.monotonic() > give_up_time:
                raise TimeoutError

        try:
            return listener.accept(deadline, check)
        except TimeoutError as error:
            raise self._not_connected_error(listener, time.monotonic() - start_time) from error

    def _shake_hands(self, deadline: float) -> SceneDescription:
        while True:
            result = self._receive(deadline)
            if isinstance(result, SceneDescription):
                break
            if isinstance(result, str):
                self._send(result, deadline)
        assert self._connection is not None
        self._connection.limit(self._session.longest_message(renders=self._options.render_mode == "rgb_array"))
        output = self._process.all_output() if self._process else ""
        script_error = script_error_in(output)
        if script_error is not None:
            raise script_error
        for warning in result.warnings:
            logger.warning("%s", warning)
        return result

    def reset(self, arenas: Mapping[int, tuple[int, Mapping[str, Any]]]) -> Reply:
        """Reset arenas and wait for the reply (docs/protocol.md, 2.4).

        Args:
            arenas: The seed (0 to 2**63 - 1) and the options of each arena to reset, by the arena's index.
        """
        return self._exchange(self._session.reset(arenas), Reply)

    def begin_reset(self, arenas: Mapping[int, tuple[int, Mapping[str, Any]]]) -> None:
        """Send a reset request, with the arguments of `reset`; `finish` waits for the reply."""
        self._begin(self._session.reset(arenas))

    def begin_step_rows(
        self,
        sections: Mapping[str, np.ndarray[Any, Any]],
        action_present: np.ndarray[Any, Any],
        reset_orders: np.ndarray[Any, Any],
        seeds: np.ndarray[Any, Any],
    ) -> None:
        """Send a step request, with the arguments of `MessageCodec.encode_rows`; `finish` waits for the reply."""
        self._begin(self._session.step_rows(sections, action_present, reset_orders, seeds))

    def finish(self) -> Reply:
        """Wait for the reply to the last request. A reply that has already arrived is never too late."""
        self._deadline = max(self._deadline, time.monotonic() + _READ_TIMEOUT)
        return self._finish(Reply)

    def step(self, actions: Sequence[Mapping[int, Any]]) -> Reply:
        """Step all arenas and wait for the reply.

        Args:
            actions: For each arena the actions by slot.
        """
        self.begin_step(actions)
        return self._finish(Reply)

    def begin_step(self, actions: Sequence[Mapping[int, Any]]) -> None:
        """Send a step request, with the arguments of `step`; `finish` waits for the reply."""
        agents = self._session.scene.agents if self._session.scene else ()
        human_slots = {slot for slot, agent in enumerate(agents) if agent.name in self._options.human_agents}
        needs_person = any(not human_slots.isdisjoint(by_slot) for by_slot in actions)
        message = self._session.step(actions)
        self._begin(message, _PERSON_TIMEOUT if needs_person else None)

    def render(self, arena: int = 0) -> np.ndarray[Any, Any]:
        """Render an image of an arena.

        Args:
            arena: The arena's index.

        Returns:
            Uint8, shape (height, width, 3), RGB (docs/protocol.md, section 7).
        """
        return self._exchange(self._session.render(arena, self._options.render_size), np.ndarray)

    @property
    def is_inherited(self) -> bool:
        """True in a forked child: the game and its socket belong to the parent."""
        return self._owner != os.getpid()

    def end(self) -> None:
        """End the game without waiting for it. Any thread may call it; in a forked child it does nothing."""
        if self.is_inherited:
            return
        self._is_canceled = True
        process = self._process
        if process is not None:
            process.end()

    def close(self, timeout: float = EXIT_TIMEOUT) -> None:
        """End the game and wait until it has ended. Safe to call twice; in a forked child it does nothing.

        Args:
            timeout: Seconds for the game to quit before it is killed.
        """
        if self.is_inherited:
            return
        try:
            end_game(self._connection, self._process, self._session.close(), timeout)
        finally:
            # A second Ctrl-C may have interrupted end_game, so end the process before dropping it.
            self.end()
            self._connection = self._process = None

    def _exchange(self, message: str | bytes, kind: type[_Result]) -> _Result:
        self._begin(message)
        return self._finish(kind)

    def _begin(self, message: str | bytes, reply_timeout: float | None = None) -> None:
        self._deadline = time.monotonic() + self._options.step_timeout
        try:
            self._send(message, self._deadline)
        except BaseException:
            self.close(timeout=0.0)
            raise
        if reply_timeout is not None:
            self._deadline = time.monotonic() + reply_timeout

    def _finish(self, kind: type[_Result]) -> _Result:
        try:
            result = self._receive(self._deadline)
            self._check_output()
            if not isinstance(result, kind):
                raise errors.ProtocolError(
                    "The game's reply does not belong to the request.",
                    expected=kind.__name__,
                    got=type(result).__name__,
                )
            return result
        except BaseException:
            # After Ctrl-C too: the next request would receive the reply to this one.
            self.close(timeout=0.0)
            raise

    def _check_output(self) -> None:
        """Raise script errors that the bridge cannot report, such as a stack overflow: its logger needs stack too."""
        error = script_error_in(self._process.read_new_output()) if self._process else None
        if error is not None:
            raise error

    def _send(self, message: str | bytes, deadline: float) -> None:
        assert self._connection is not None
        try:
            self._connection.send(message, deadline)
        except TimeoutError as error:
            raise self._timeout_error("did not receive the request") from error
        except OSError as error:
            raise self._closed_error(error) from error

    def _receive(self, deadline: float) -> object:
        """Wait for the next message, and return what the session makes of it."""
        assert self._connection is not None
        try:
            message = self._connection.receive(deadline)
        except TimeoutError as error:
            raise self._timeout_error("did not reply") from error
        except OSError as error:
            raise self._closed_error(error) from error
        try:
            return self._session.receive(message)
        except errors.ProtocolVersionError as error:
            self._connection.close(CLOSE_VERSION, f"{error.expected} was expected. {error.remedy}")
            raise
        except errors.ProtocolError as error:
            self._connection.reject(error.what)
            raise
        except (errors.NoAgentError, errors.InvalidOptionError) as error:
            # If an agent's script does not parse, its node has no methods: report the cause.
            raise (self._parse_error() or error) from None

    def _parse_error(self) -> errors.ScriptError | None:
        return script_error_in(self._process.all_output()) if self._process else None

    @property
    def _may_have_bridge(self) -> bool:
        return self._launch is None or self._launch.may_have_bridge

    def _not_connected_error(self, listener: Listener, seconds: float) -> errors.GodotMarlError:
        if self._process is None:
            return no_connection_error(listener.url, listener.reason, seconds)
        script_error = self._parse_error()
        if script_error is not None:
            return script_error
        if not self._may_have_bridge:
            return no_bridge_error(self._where, f"a game that runs and did not connect in {round(seconds, 1):g} s")
        return not_connected_error(self._process, self._where, listener.url, seconds)

    def _timeout_error(self, what: str) -> errors.GameTimeoutError:
        return timeout_error(what, self._where, self._session.phase.value, self._options.step_timeout, self._process)

    def _closed_error(self, cause: OSError) -> errors.GodotMarlError:
        if self._process is None:
            return connection_closed_error(self._where, self._session.phase.value, cause)
        self._process.wait(EXIT_TIMEOUT)
        return self._exit_error(f"while Python was {self._session.phase.value}")

    def _exit_error(self, when: str, rejected: str = "") -> errors.GodotMarlError:
        assert self._process is not None
        script_error = self._parse_error()
        if script_error is not None:
            return script_error
        reason = bridge_error_in(self._process.output())
        if reason is not None and reason.endswith("is not enabled"):
            return disabled_bridge_error(self._where, reason)
        if rejected:
            reason = reason or tail_for_message(self._process.output())
            reason = f"{reason}\n    Python rejected a connection: {rejected}"
        return exited_error(self._process, self._where, when, reason=reason)

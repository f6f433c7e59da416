"""One running Godot: its process, the link to it, the conversation, and a deadline on every wait."""

from __future__ import annotations

import logging
import math
import os
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from godot_marl import errors, launcher
from godot_marl.codec import Layout, Reply
from godot_marl.endings import (
    EXIT_PATIENCE,
    closed_error,
    disabled_bridge_error,
    end_game,
    exited_error,
    no_bridge_error,
    nobody_error,
    not_connected_error,
    timeout_error,
)
from godot_marl.launcher import Launch, is_by_hand, plan
from godot_marl.link import Link
from godot_marl.listener import DEFAULT_PORT, Listener
from godot_marl.options import Game, Options
from godot_marl.output import complaint_in, last_words, script_error_in
from godot_marl.process import GameProcess
from godot_marl.protocol import CLOSE_VERSION, Configuration, SceneDescription, Session
from godot_marl.tls import server_context

logger = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")

_START_TIMEOUT = 60.0
_START_TIMEOUT_BY_HAND = 300.0
# How long a game may run without connecting when nothing in its scene names the bridge.
_NO_BRIDGE_TIMEOUT = 5.0
# How long it may go on after a script failed to be read: time to say what else is wrong, and no more.
_BROKEN_TIMEOUT = 1.0
# How long an answer may take to read that had come while Python did something else.
_LATE_PATIENCE = 0.5
# How long a person may think about one step: a week, so that nobody is hurried. Closing the window ends the wait.
_THINKING_TIMEOUT = 7 * 24 * 3600.0


class Worker:
    """One Godot, from its start to its end.

    Every fault ends the game and becomes one exception of `godot_marl.errors`; make a new worker to go on.

    Args:
        game: What to start; None with no command waits for a game that the user starts.
        options: The environment's options.
        arenas: How many copies of the scene it hosts.
        layout: Where they are: "separate", each in a world of its own, or "shared", side by side in one.
        number: Which of several workers it is, which need the cores together; None if it is alone.
        cpu: The processor to keep the game on; None for all.
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
        self._link: Link | None = None
        self._number = number
        self._cpu = cpu
        self._where = "the game"
        self._owner = os.getpid()
        self._launch: Launch | None = None
        self._is_unwanted = False
        self._deadline = 0.0
        configuration = Configuration(
            arenas=arenas,
            step_length=options.step_length,
            physics_fps=options.physics_fps,
            real_time=options.render_mode == "human" or self._is_by_hand,
            turn_timeout=options.turn_timeout,
            human_agents=options.human_agents,
            layout=layout,
            exact_reset=options.exact_reset,
            action_space=options.action_space,
            observation_space=options.observation_space,
        )
        self._session = Session(configuration)

    @property
    def _is_by_hand(self) -> bool:
        return is_by_hand(self._game, self._options)

    @property
    def layout(self) -> Layout:
        """The binary messages of this game."""
        return self._session.layout

    def start(self, launch: Launch | None = None) -> SceneDescription:
        """Start the game, wait for it, and shake hands.

        Args:
            launch: What `plan` said; None to plan it here.

        Raises:
            InvalidOptionError: Two options contradict each other.
            EngineError: No engine was found.
            GameError: The game cannot be found or started, ends, or never connects.
            SceneError: The scene breaks the agent interface.
            ProtocolError: The game speaks another protocol.
        """
        try:
            return self._start(launch)
        except BaseException:
            self.close(patience=0.0)
            raise

    def _start(self, launch: Launch | None) -> SceneDescription:
        self._launch = launch = launch or plan(self._game, self._options)
        self._check_wanted()
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
                self._process = launcher.start(launch, self._options, listener.url, token or "", self._cpu)
                self._check_wanted()
            else:
                logger.warning("waiting for a game on %s: start it now, for example with Play", listener.url)
            deadline = time.monotonic() + self._start_timeout
            self._link = self._accept(listener, deadline)
            if self._number is not None:
                self._link.spin_seconds = 0.0
        finally:
            listener.close()
        return self._shake_hands(deadline)

    def _check_wanted(self) -> None:
        """`end` may be called by another thread while the game starts: it saw the process, or is seen here."""
        if self._is_unwanted:
            raise errors.ClosedEnvironmentError("The game was ended while it started.", where=self._where)

    @property
    def _start_timeout(self) -> float:
        if self._options.start_timeout is not None:
            return self._options.start_timeout
        return _START_TIMEOUT_BY_HAND if self._is_by_hand else _START_TIMEOUT

    def _accept(self, listener: Listener, deadline: float) -> Link:
        begin = time.monotonic()
        pointless = math.inf if self._may_have_bridge else begin + _NO_BRIDGE_TIMEOUT

        def check() -> None:
            nonlocal pointless
            self._check_wanted()
            if self._process is None:
                return
            if self._process.is_over:
                raise self._exit_error("before it connected", listener.reason)
            if self._process.fresh_output() and self._parse_error() is not None:
                # If it did connect, the handshake would end with the same error.
                pointless = min(pointless, time.monotonic() + _BROKEN_TIMEOUT)
            if time.monotonic() > pointless:
                raise TimeoutError

        try:
            return listener.accept(deadline, check)
        except TimeoutError as error:
            raise self._not_connected(listener, time.monotonic() - begin) from error

    def _shake_hands(self, deadline: float) -> SceneDescription:
        while True:
            answer = self._session_receive(deadline)
            if isinstance(answer, SceneDescription):
                break
            if isinstance(answer, str):
                self._send(answer, deadline)
        assert self._link is not None
        self._link.limit(self._session.longest_message(renders=self._options.render_mode == "rgb_array"))
        output = self._process.whole_output() if self._process else ""
        script_error = script_error_in(output)
        if script_error is not None:
            raise script_error
        for warning in answer.warnings:
            logger.warning("%s", warning)
        return answer

    def reset(self, arenas: Mapping[int, tuple[int, Mapping[str, Any]]]) -> Reply:
        """Reset these arenas, each with its seed and options."""
        return self._exchange(self._session.reset(arenas), Reply)

    def begin_reset(self, arenas: Mapping[int, tuple[int, Mapping[str, Any]]]) -> None:
        """Ask for a reset of these arenas; `finish` waits for it."""
        self._begin(self._session.reset(arenas))

    def begin_step_rows(
        self,
        sections: Mapping[str, np.ndarray[Any, Any]],
        marks: np.ndarray[Any, Any],
        orders: np.ndarray[Any, Any],
        seeds: np.ndarray[Any, Any],
    ) -> None:
        """Ask for a step of all arenas, as `Layout.encode_rows` describes it; `finish` waits for it."""
        self._begin(self._session.step_rows(sections, marks, orders, seeds))

    def finish(self) -> Reply:
        """Wait for the answer to a request that was begun; one that is there already is never too late."""
        self._deadline = max(self._deadline, time.monotonic() + _LATE_PATIENCE)
        return self._finish(Reply)

    def step(self, actions: Sequence[Mapping[int, Any]]) -> Reply:
        """Step all arenas: for each the actions by slot."""
        self.begin_step(actions)
        return self._finish(Reply)

    def begin_step(self, actions: Sequence[Mapping[int, Any]]) -> None:
        """Ask for a step of all arenas, with the actions of each by slot; `finish` waits for it."""
        agents = self._session.scene.agents if self._session.scene else ()
        people = set(self._options.human_agents)
        is_asked = people and any(agents[slot].name in people for by_slot in actions for slot in by_slot)
        message = self._session.step(actions)
        self._begin(message, _THINKING_TIMEOUT if is_asked else None)

    def render(self, arena: int = 0) -> np.ndarray[Any, Any]:
        """A frame of an arena: uint8 of shape (height, width, 3)."""
        return self._exchange(self._session.render(arena, self._options.render_size), np.ndarray)

    @property
    def is_inherited(self) -> bool:
        """True in a forked child: the game and its socket are the parent's."""
        return self._owner != os.getpid()

    def end(self) -> None:
        """See to it that the game ends now, without waiting for it, from any thread; nothing in a forked child."""
        if self.is_inherited:
            return
        self._is_unwanted = True
        process = self._process
        if process is not None:
            process.end()

    def close(self, patience: float = EXIT_PATIENCE) -> None:
        """End the game and wait until it is gone. Safe to call twice; in a forked child it does nothing."""
        if self.is_inherited:
            return
        try:
            end_game(self._link, self._process, self._session.close(), patience)
        finally:
            # Once more, for a second Ctrl-C; the game is forgotten only after that.
            self.end()
            self._link = self._process = None

    def _exchange(self, message: str | bytes, kind: type[_Answer], patience: float | None = None) -> _Answer:
        self._begin(message, patience)
        return self._finish(kind)

    def _begin(self, message: str | bytes, patience: float | None = None) -> None:
        self._deadline = time.monotonic() + self._options.step_timeout
        try:
            self._send(message, self._deadline)
        except BaseException:
            self.close(patience=0.0)
            raise
        if patience is not None:
            self._deadline = time.monotonic() + patience

    def _finish(self, kind: type[_Answer]) -> _Answer:
        try:
            answer = self._session_receive(self._deadline)
            self._check_output()
            if not isinstance(answer, kind):
                raise errors.ProtocolError(
                    "The game answered something else than what it was asked.",
                    expected=kind.__name__,
                    got=type(answer).__name__,
                )
            return answer
        except BaseException:
            # Also for Ctrl-C in mid-step: the next request would meet the answer to this one.
            self.close(patience=0.0)
            raise

    def _check_output(self) -> None:
        """Find the script errors that the bridge cannot report: its logger needs a free place on the stack itself."""
        error = script_error_in(self._process.fresh_output()) if self._process else None
        if error is not None:
            raise error

    def _send(self, message: str | bytes, deadline: float) -> None:
        assert self._link is not None
        try:
            self._link.send(message, deadline)
        except TimeoutError as error:
            raise self._timeout_error("took nothing in") from error
        except OSError as error:
            raise self._lost(error) from error

    def _session_receive(self, deadline: float) -> object:
        assert self._link is not None
        try:
            message = self._link.receive(deadline)
        except TimeoutError as error:
            raise self._timeout_error("did not answer") from error
        except OSError as error:
            raise self._lost(error) from error
        try:
            return self._session.receive(message)
        except errors.ProtocolVersionError as error:
            self._link.close(CLOSE_VERSION, f"{error.expected} was expected. {error.remedy}")
            raise
        except errors.ProtocolError as error:
            self._link.refuse(error.what)
            raise
        except (errors.NoAgentError, errors.InvalidOptionError) as error:
            # An agent whose script does not parse is a node without methods.
            raise (self._parse_error() or error) from None

    def _parse_error(self) -> errors.ScriptError | None:
        return script_error_in(self._process.whole_output()) if self._process else None

    @property
    def _may_have_bridge(self) -> bool:
        return self._launch is None or self._launch.may_have_bridge

    def _not_connected(self, listener: Listener, seconds: float) -> errors.GodotMarlError:
        if self._process is None:
            return nobody_error(listener.url, listener.reason, seconds)
        script_error = self._parse_error()
        if script_error is not None:
            return script_error
        if not self._may_have_bridge:
            return no_bridge_error(self._where, f"a game that runs and did not connect in {round(seconds, 1):g} s")
        return not_connected_error(self._process, self._where, listener.url, seconds)

    def _timeout_error(self, what: str) -> errors.GameTimeoutError:
        return timeout_error(what, self._where, self._session.phase.value, self._options.step_timeout, self._process)

    def _lost(self, cause: OSError) -> errors.GodotMarlError:
        if self._process is None:
            return closed_error(self._where, self._session.phase.value, cause)
        self._process.wait(EXIT_PATIENCE)
        return self._exit_error(f"while Python was {self._session.phase.value}")

    def _exit_error(self, when: str, turned_away: str = "") -> errors.GodotMarlError:
        assert self._process is not None
        script_error = self._parse_error()
        if script_error is not None:
            return script_error
        complaint = complaint_in(self._process.output())
        if complaint is not None and complaint.endswith("is not enabled"):
            return disabled_bridge_error(self._where, complaint)
        reason = complaint
        if turned_away:
            words = complaint or last_words(self._process.output())
            reason = f"{words}\n    Python turned somebody away: {turned_away}"
        return exited_error(self._process, self._where, when, reason=reason)

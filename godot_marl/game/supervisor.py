"""The thread that keeps a game's supervisor: starts it, hears it out, and sees to it that nothing of it is left.

It is a thread because Ctrl-C interrupts the main thread alone, between any two instructions: what is started here is
never started and forgotten. Whoever wants the game closes the supervisor's input, the lifeline, when it is to end.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from io import FileIO
from pathlib import Path
from typing import Any

from godot_marl import _supervisor

logger = logging.getLogger(__name__)

# A supervisor needs a few milliseconds to end its game; a stopped one would need for ever.
_PATIENCE = 1.2
# What was killed is gone in a moment, unless a system call of it does not return.
_END_TIMEOUT = 3.0


class Keeper(threading.Thread):
    """Keeps one supervisor, from its start until nothing of it is left.

    Args:
        lifeline: The reading end of a pipe, the supervisor's input. It is closed here.
        mark: What all processes of this game have in their environment, and nobody else.

    Attributes:
        pid: The game's process; None until it has started.
        exit_status: What the game returned; None if that is unknown.
        failure: Why the game could not be started, if so.
        error: Why its supervisor could not be started, if so.
        lost_display: The name of the virtual display if that ended before the game did.
        display_status: What it returned then.
        heard: Set as soon as the game has started, or cannot be started.
        over: Set once the game, its display and its supervisor are gone.
    """

    def __init__(self, lifeline: FileIO, mark: str) -> None:
        super().__init__(name="godot-marl keeper", daemon=True)
        self.pid: int | None = None
        self.exit_status: int | None = None
        self.failure: str | None = None
        self.error: OSError | None = None
        self.lost_display: str | None = None
        self.display_status: int | None = None
        self.heard = threading.Event()
        self.over = threading.Event()
        self._lifeline = lifeline
        self._mark = mark
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._has_finished = False

    def run(self) -> None:
        """Keep it. Called by `start`."""
        try:
            with self._lifeline:
                self._supervisor = subprocess.Popen(
                    [sys.executable, "-P", _supervisor.__file__],
                    stdin=self._lifeline,
                    stdout=subprocess.PIPE,
                    # Unbuffered: at Python's end this thread may hold a buffer's lock for ever.
                    bufsize=0,
                    env={**os.environ, _supervisor.MARK: self._mark},
                    # Ctrl-C is for Python; the game ends when Python says so.
                    start_new_session=True,
                )
            self._hear_out(self._supervisor)
        except OSError as error:
            self.error = error
        finally:
            self.over.set()
            self.heard.set()

    def _hear_out(self, supervisor: subprocess.Popen[bytes]) -> None:
        assert supervisor.stdout is not None
        unread = b""
        with supervisor.stdout as answers:
            while data := answers.read(4096):
                *lines, unread = (unread + data).split(b"\n")
                for line in lines:
                    self._take(json.loads(line))
        if not self._has_finished and os.name == "posix":
            # It was killed itself, so what it kept is ended here.
            _end_what_is_left([supervisor.pid, self.pid], self._mark)
        supervisor.wait()

    def _take(self, message: dict[str, Any]) -> None:
        self.pid = message.get("pid", self.pid)
        self.failure = message.get("failure", self.failure)
        self.exit_status = message.get("exit_status", self.exit_status)
        self.lost_display = message.get("lost_display", self.lost_display)
        self.display_status = message.get("display_status", self.display_status)
        self._has_finished = "finished" in message
        self.heard.set()

    def hurry(self) -> None:
        """See to it that the game ends soon, though its supervisor be stopped; the lifeline must be closed by now."""
        if self.over.is_set():
            return
        # Without another thread, as at Python's end, the lifeline must do.
        with contextlib.suppress(RuntimeError):
            threading.Thread(target=self._kill_late, name="godot-marl hurry", daemon=True).start()

    def _kill_late(self) -> None:
        if not self.over.wait(_PATIENCE) and self._supervisor is not None:
            logger.warning("the supervisor of a game does not answer, and is killed")
            self._supervisor.kill()


def _end_what_is_left(groups: list[int | None], mark: str) -> None:
    """End the groups of a supervisor and its game, and whatever else has inherited their mark."""
    for group in groups:
        if group is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)
    sign = f"{_supervisor.MARK}={mark}".encode()
    deadline, pause = time.monotonic() + _END_TIMEOUT, threading.Event()
    while pids := _marked(sign):
        if time.monotonic() > deadline:
            logger.warning("processes that a game has left behind do not end: %s", pids)
            return
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        pause.wait(0.01)


def _marked(sign: bytes) -> list[int]:
    """The processes with this in their environment; a zombie has none. Nobody on a system without /proc."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if sign in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found

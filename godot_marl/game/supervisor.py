"""The thread that owns a game's supervisor process: starts it, reads its messages, and cleans up after it.

It is a thread because Ctrl-C interrupts only the main thread, between any two instructions: a process that is started
here is never lost. To end the game, its owner closes the lifeline: the pipe that is the supervisor's input.
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

from godot_marl.game import _supervisor_main

logger = logging.getLogger(__name__)

# Seconds after which the supervisor itself is killed: it needs milliseconds to end its game, unless it is stopped.
_SUPERVISOR_TIMEOUT = 1.2
# Seconds for killed processes to end: they do so at once, unless a system call of theirs does not return.
_END_TIMEOUT = 3.0


class SupervisorThread(threading.Thread):
    """Owns one supervisor process, from its start until all processes of the game have ended.

    Args:
        lifeline: The reading end of a pipe, the supervisor's input. This thread closes it.
        scratch: The game's own folder. All processes of the game have this path in their environment, and no others.

    Attributes:
        pid: The process id of the game; None until it has started.
        exit_status: The exit status of the game; None if unknown.
        failure: Why the game could not be started; None if it was.
        error: Why the supervisor could not be started; None if it was.
        lost_display: The name of the virtual display if that ended before the game; None if it did not.
        display_status: The exit status of the lost display.
        reported: Set once the game has started, or could not be started.
        ended: Set once the game, its display and its supervisor have ended.
    """

    def __init__(self, lifeline: FileIO, scratch: str) -> None:
        super().__init__(name="godot-marl supervisor", daemon=True)
        self.pid: int | None = None
        self.exit_status: int | None = None
        self.failure: str | None = None
        self.error: OSError | None = None
        self.lost_display: str | None = None
        self.display_status: int | None = None
        self.reported = threading.Event()
        self.ended = threading.Event()
        self._lifeline = lifeline
        self._scratch = scratch
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._has_finished = False

    def run(self) -> None:
        """Run the supervisor until it has ended. Called by `start`."""
        try:
            with self._lifeline:
                self._supervisor = subprocess.Popen(
                    [sys.executable, "-P", _supervisor_main.__file__],
                    stdin=self._lifeline,
                    stdout=subprocess.PIPE,
                    # Unbuffered: when Python exits, this thread may hold the lock of a buffer forever.
                    bufsize=0,
                    env={**os.environ, _supervisor_main.SCRATCH_VARIABLE: self._scratch},
                    # Ctrl-C in the terminal must reach Python only, which then ends the game.
                    start_new_session=True,
                )
            self._read_messages(self._supervisor)
        except OSError as error:
            self.error = error
        finally:
            self.ended.set()
            self.reported.set()

    def _read_messages(self, supervisor: subprocess.Popen[bytes]) -> None:
        assert supervisor.stdout is not None
        unread = b""
        with supervisor.stdout as output:
            while data := output.read(4096):
                *lines, unread = (unread + data).split(b"\n")
                for line in lines:
                    self._handle_message(json.loads(line))
        if not self._has_finished and os.name == "posix":
            # The supervisor was killed before it could end its processes.
            _kill_remaining([supervisor.pid, self.pid], self._scratch)
        supervisor.wait()

    def _handle_message(self, message: dict[str, Any]) -> None:
        self.pid = message.get("pid", self.pid)
        self.failure = message.get("failure", self.failure)
        self.exit_status = message.get("exit_status", self.exit_status)
        self.lost_display = message.get("lost_display", self.lost_display)
        self.display_status = message.get("display_status", self.display_status)
        self._has_finished = "finished" in message
        self.reported.set()

    def kill_after_grace(self) -> None:
        """Kill the supervisor if it does not end soon. The lifeline must be closed before."""
        if self.ended.is_set():
            return
        # When Python exits, no thread can start; the closed lifeline still ends the game.
        with contextlib.suppress(RuntimeError):
            threading.Thread(target=self._kill_supervisor, name="godot-marl kill", daemon=True).start()

    def _kill_supervisor(self) -> None:
        if not self.ended.wait(_SUPERVISOR_TIMEOUT) and self._supervisor is not None:
            logger.warning("killed the supervisor of a game, which did not respond")
            self._supervisor.kill()


def _kill_remaining(groups: list[int | None], scratch: str) -> None:
    """Kill the process groups of a supervisor and its game, and all processes that inherited their environment."""
    for group in groups:
        if group is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)
    variable = f"{_supervisor_main.SCRATCH_VARIABLE}={scratch}".encode()
    deadline, pause = time.monotonic() + _END_TIMEOUT, threading.Event()
    while pids := _processes_with(variable):
        if time.monotonic() > deadline:
            logger.warning("processes that a game left behind do not end: %s", pids)
            return
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        pause.wait(0.01)


def _processes_with(variable: bytes) -> list[int]:
    """The processes with NAME=VALUE in their environment, without zombies; none on a system without /proc."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if variable in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found

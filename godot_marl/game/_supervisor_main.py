"""The supervisor process: owns one game and its virtual display, and ends both when Python has ended.

It is a process because a closed socket does not end a stopped game, and the kernel's parent-death signal follows the
parent's thread, not its process. It imports only the standard library (and PyVirtualDisplay if the game needs a
display), reads one request as a line of JSON from its standard input, and writes its messages as lines of JSON. The end
of its input means that Python has ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

SCRATCH_VARIABLE = "GODOT_MARL_SCRATCH"
"""The environment variable that identifies all processes of one game: its value is the game's own folder."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_IS_LINUX = sys.platform == "linux"
# Seconds for an orderly end of the game after Python's end; the game must end within two seconds.
_EXIT_TIMEOUT = 0.8
# Seconds that a game may run without its display: Godot closes its window shortly before it exits.
_DISPLAY_TIMEOUT = 1.0
# Seconds for killed processes to end; in a system call that does not return they never do.
_END_TIMEOUT = 5.0
_prctl = ctypes.CDLL(None).prctl if _IS_LINUX else None


class Supervisor:
    """Runs one game and its display.

    Args:
        request: What to start, as `GameProcess` sends it.
    """

    def __init__(self, request: dict[str, Any]) -> None:
        self._request = request
        self._game: subprocess.Popen[bytes] | None = None
        self._display: Any = None
        self._input_ended = threading.Event()
        self._game_ended = threading.Event()
        self._exit_lock = threading.Lock()
        self._status_lock = threading.Lock()
        self._has_exit_status = False

    def run(self) -> None:
        """Start the game and wait for its end; never returns."""
        if _prctl is not None:
            # Orphaned descendants of the game become children of this process, even in sessions of their own.
            _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        threading.Thread(target=self._watch_input, daemon=True).start()
        try:
            game = self._start()
        except Exception as error:  # Python must learn of any failure
            _send(failure=f"{type(error).__name__}: {error}")
        else:
            _send(pid=game.pid)
            if self._input_ended.is_set():
                _kill(game)
            exit_status = self._wait(game)
            _kill(game)
            _send(exit_status=exit_status)
        self._game_ended.set()
        self._exit()

    def _start(self) -> subprocess.Popen[bytes]:
        request = self._request
        environment = {**os.environ, **request["environment"]}
        if request["display"]:
            self._display = _start_display(request["display"])
            environment["DISPLAY"] = self._display.new_display_var
        with open(request["log"], "ab") as log:
            # In its own session, so that the processes that the game starts can be killed with it.
            self._game = subprocess.Popen(
                request["command"],
                cwd=request["folder"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=functools.partial(_prepare, request["cpu"]) if _IS_LINUX else None,
            )
        return self._game

    def _watch_input(self) -> None:
        while sys.stdin.readline():
            pass
        self._input_ended.set()
        if self._game is not None:
            _kill(self._game)
        if not self._game_ended.wait(_EXIT_TIMEOUT):
            # The main thread is blocked, for example by a display that does not start.
            self._exit()

    def _wait(self, game: subprocess.Popen[bytes]) -> int:
        """Wait until the game has ended, reap all other children meanwhile, and return the game's exit status."""
        if sys.platform == "win32":
            return game.wait()
        display = None if self._display is None else self._display.pid
        while True:
            try:
                pid, status = os.waitpid(-1, 0)
            except ChildProcessError:
                # The other thread has reaped the game, and exits this process.
                self._exit()
            if pid == game.pid:
                with self._status_lock:
                    self._has_exit_status = True
                return os.waitstatus_to_exitcode(status)
            if pid == display:
                # A display also ends with its last client, and then just before a game that quits: wait for that.
                arguments = (game, os.waitstatus_to_exitcode(status))
                timer = threading.Timer(_DISPLAY_TIMEOUT, self._handle_lost_display, arguments)
                timer.daemon = True
                timer.start()

    def _handle_lost_display(self, game: subprocess.Popen[bytes], status: int) -> None:
        """Kill a game that runs on without its display: it can neither draw nor quit."""
        with self._status_lock:
            if not self._has_exit_status and not self._input_ended.is_set():
                _send(lost_display=self._display.new_display_var, display_status=status)
                _kill(game)

    def _exit(self) -> NoReturn:
        """End all descendants, clean up, and exit."""
        with self._exit_lock:
            if _IS_LINUX:
                _end_descendants()
            elif self._display is not None:
                self._display.stop()
            if self._input_ended.is_set():
                # Python removes the folder too, unless it was killed.
                shutil.rmtree(self._request["scratch"], ignore_errors=True)
            _send(finished=True)
            # The other thread may be blocked.
            os._exit(0)


def main() -> None:
    """Run the request on standard input."""
    line = sys.stdin.readline()
    # A Python that ended at once may have sent an incomplete line.
    if line.endswith("\n"):
        Supervisor(json.loads(line)).run()


def _prepare(cpu: int | None) -> None:
    """Run in the game's process before the game: the kernel kills the game if this supervisor is killed."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})


def _start_display(size: list[int]) -> Any:
    from pyvirtualdisplay.display import Display

    # -terminate: if this supervisor is killed, the display ends with its last client, the game.
    display = Display(
        backend="xvfb",
        size=(size[0], size[1]),
        color_depth=24,
        use_xauth=False,
        manage_global_env=False,
        extra_args=["-terminate", "-nolisten", "tcp"],
    )
    display.start()
    return display


def _kill(game: subprocess.Popen[bytes]) -> None:
    try:
        if sys.platform == "win32":
            game.kill()
        else:
            os.killpg(game.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def _end_descendants() -> None:
    """Kill all children until there are none: children of a killed child become children of this process."""
    deadline, pause = time.monotonic() + _END_TIMEOUT, threading.Event()
    while (children := _children()) and time.monotonic() < deadline:
        for child in children:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(child, signal.SIGKILL)
        pause.wait(0.005)
        for child in children:
            # Without blocking, since new children may come meanwhile; the other thread may have reaped this one.
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, os.WNOHANG)


def _children() -> list[int]:
    """All children of this process, zombies included."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The program's name stands in parentheses, and may contain any character.
            if int(file.read_text(errors="replace").rpartition(")")[2].split()[1]) == os.getpid():
                found.append(int(file.parent.name))
    return found


def _send(**message: object) -> None:
    try:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()
    except OSError:
        pass  # Python has ended; only the clean-up remains


if __name__ == "__main__":
    main()

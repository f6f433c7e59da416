"""Owns one game and its virtual display, and ends both when Python is gone.

Runs as a program of its own, with the standard library alone (and PyVirtualDisplay where a display is wanted), because
closing a socket ends no stopped game, and the kernel's parent-death signal follows a thread, not a process. It reads
one line of JSON from its standard input, answers in lines of JSON, and takes the end of its input for the end of
Python.
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

MARK = "GODOT_MARL_SCRATCH"
"""The environment variable by which all that this supervisor starts is known; its value is the game's own."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_IS_LINUX = sys.platform == "linux"
# Python's end is the game's within two seconds, whatever it is that does not end in this time.
_PATIENCE = 0.8
# How long a game may live on without its display: Godot leaves that a moment before its own orderly end.
_LAST_MOMENT = 1.0
# A killed process may need a while, or for ever in a system call that does not return.
_END_TIMEOUT = 5.0
_prctl = ctypes.CDLL(None).prctl if _IS_LINUX else None


class Supervisor:
    """One game, its display, and what else they start.

    Args:
        wish: What Python wants.
    """

    def __init__(self, wish: dict[str, Any]) -> None:
        self._wish = wish
        self._game: subprocess.Popen[bytes] | None = None
        self._display: Any = None
        self._input_ended = threading.Event()
        self._is_over = threading.Event()
        self._ending = threading.Lock()
        self._judging = threading.Lock()
        self._has_ended = False

    def run(self) -> None:
        """Start the game, wait for its end, and end it with our input."""
        if _prctl is not None:
            # What the game leaves behind becomes a child of ours, even from a session of its own.
            _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        threading.Thread(target=self._watch_input, daemon=True).start()
        try:
            game = self._start()
        except Exception as error:  # whatever it is, Python must hear of it
            _say(failure=f"{type(error).__name__}: {error}")
        else:
            _say(pid=game.pid)
            if self._input_ended.is_set():
                _kill(game)
            exit_status = self._wait(game)
            _kill(game)
            _say(exit_status=exit_status)
        self._is_over.set()
        self._end()

    def _start(self) -> subprocess.Popen[bytes]:
        wish = self._wish
        environment = {**os.environ, **wish["environment"]}
        if wish["display"]:
            self._display = _start_display(wish["display"])
            environment["DISPLAY"] = self._display.new_display_var
        with open(wish["log"], "ab") as log:
            # A session of its own, so that what the game starts ends with it.
            self._game = subprocess.Popen(
                wish["command"],
                cwd=wish["folder"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=functools.partial(_prepare, wish["cpu"]) if _IS_LINUX else None,
            )
        return self._game

    def _watch_input(self) -> None:
        while sys.stdin.readline():
            pass
        self._input_ended.set()
        if self._game is not None:
            _kill(self._game)
        if not self._is_over.wait(_PATIENCE):
            # A display that does not start, say: it is not waited for.
            self._end()

    def _wait(self, game: subprocess.Popen[bytes]) -> int:
        """Wait until the game has ended, and bury whatever ends before it."""
        if sys.platform == "win32":
            return game.wait()
        display = None if self._display is None else self._display.pid
        while True:
            try:
                pid, status = os.waitpid(-1, 0)
            except ChildProcessError:
                # The other thread has buried them all, and ends this process.
                self._end()
            if pid == game.pid:
                with self._judging:
                    self._has_ended = True
                return os.waitstatus_to_exitcode(status)
            if pid == display:
                # It ends with its last client too, and so is gone before a game that quits.
                judge = threading.Timer(_LAST_MOMENT, self._lose_display, (game, os.waitstatus_to_exitcode(status)))
                judge.daemon = True
                judge.start()

    def _lose_display(self, game: subprocess.Popen[bytes], status: int) -> None:
        """End a game that would not draw any more, nor end."""
        with self._judging:
            if not self._has_ended and not self._input_ended.is_set():
                _say(lost_display=self._display.new_display_var, display_status=status)
                _kill(game)

    def _end(self) -> NoReturn:
        """Leave nothing behind, and end."""
        with self._ending:
            if _IS_LINUX:
                _end_descendants()
            elif self._display is not None:
                self._display.stop()
            if self._input_ended.is_set():
                # Python removes its folder too, unless it was killed.
                shutil.rmtree(self._wish["scratch"], ignore_errors=True)
            _say(finished=True)
            # The other thread may still wait for what never comes.
            os._exit(0)


def main() -> None:
    """Do what the first line asks for."""
    line = sys.stdin.readline()
    # Half a line is all that comes from a Python that ended at once.
    if line.endswith("\n"):
        Supervisor(json.loads(line)).run()


def _prepare(cpu: int | None) -> None:
    """Should this supervisor itself be killed, the kernel ends the game. It may be kept on one processor."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})


def _start_display(size: list[int]) -> Any:
    from pyvirtualdisplay.display import Display

    # -terminate: should this supervisor be killed, the display ends with its last client, the game.
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
    """Kill all children until there are none: those of a killed one become ours."""
    deadline, pause = time.monotonic() + _END_TIMEOUT, threading.Event()
    while (children := _children()) and time.monotonic() < deadline:
        for child in children:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(child, signal.SIGKILL)
        pause.wait(0.005)
        for child in children:
            # The other thread may have buried it; and none is waited for, because new ones may come meanwhile.
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, os.WNOHANG)


def _children() -> list[int]:
    """All children of this process, the dead ones too."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name of a program, in parentheses, may have any characters in it.
            if int(file.read_text(errors="replace").rpartition(")")[2].split()[1]) == os.getpid():
                found.append(int(file.parent.name))
    return found


def _say(**message: object) -> None:
    try:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()
    except OSError:
        pass  # Python is gone; what is left to do is to clean up


if __name__ == "__main__":
    main()

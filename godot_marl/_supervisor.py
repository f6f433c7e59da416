"""Owns one game and its virtual display, and ends both when Python is gone.

Runs as a program of its own, with the standard library alone (and PyVirtualDisplay where a display is wanted), because
closing a socket ends no stopped game, and the kernel's parent-death signal follows a thread, not a process. It reads
one line of JSON from its standard input, answers in lines of JSON, and takes the end of its input for the end of
Python.
"""

from __future__ import annotations

import ctypes
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from typing import Any

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Start what the first line asks for, and end it with our input."""
    wish = json.loads(sys.stdin.readline())
    environment = {**os.environ, **wish["environment"]}
    display = None
    try:
        if wish["display"]:
            display = _start_display(wish["display"])
            environment["DISPLAY"] = display.new_display_var
        game = _start_game(wish, environment)
    except Exception as error:  # whatever it is, Python must hear of it
        _say(failed=f"{type(error).__name__}: {error}")
        _stop_display(display)
        return
    _say(pid=game.pid)
    input_ended = threading.Event()
    reaper = threading.Thread(target=_reap, args=(game, display, wish["scratch"], input_ended))
    reaper.start()
    while sys.stdin.readline():
        pass
    input_ended.set()
    _kill(game)
    reaper.join()


def _start_game(wish: dict[str, Any], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    is_linux = sys.platform == "linux"
    with open(wish["log"], "ab") as log:
        return subprocess.Popen(  # noqa: S603 - Python names the program
            wish["command"],
            cwd=wish["folder"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # A session of its own, so that what the game starts ends with it.
            start_new_session=True,
            preexec_fn=functools.partial(_prepare, wish["cpu"]) if is_linux else None,
        )


def _prepare(cpu: int | None) -> None:
    """Should this supervisor itself be killed, the kernel ends the game. It may be kept on one processor."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
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


def _stop_display(display: Any) -> None:
    if display is not None:
        display.stop()


def _kill(game: subprocess.Popen[bytes]) -> None:
    try:
        if sys.platform == "win32":
            game.kill()
        else:
            os.killpg(game.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def _reap(game: subprocess.Popen[bytes], display: Any, scratch: str, input_ended: threading.Event) -> None:
    status = game.wait()
    _kill(game)
    _stop_display(display)
    if input_ended.is_set():
        # Python removes its folder too, unless it was killed.
        shutil.rmtree(scratch, ignore_errors=True)
    _say(exited=status)
    # The main thread may still wait for input that never comes.
    os._exit(0)


def _say(**message: object) -> None:
    try:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()
    except OSError:
        pass  # Python is gone; what is left to do is to clean up


if __name__ == "__main__":
    main()

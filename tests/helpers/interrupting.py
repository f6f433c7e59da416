"""A Python that survives Ctrl-C: it gets the line of its next interrupt, tries, reports the result, and goes on.

Its input are lines of JSON, one for each attempt: what to do, and after how many lines of our code, or seconds, to be
interrupted, and perhaps how soon once more. It answers each with a line of JSON.
"""

from __future__ import annotations

import gc
import json
import linecache
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import godot_marl
from godot_marl.engine._process import run
from godot_marl.game.process import GameProcess
from godot_marl.parallel import GodotParallelEnv

OURS = os.path.dirname(godot_marl.__file__) + os.sep
# Where a start or an end is waited for, and where a program is started.
WATCHED = (OURS, threading.__file__, subprocess.__file__)

# In a few instructions of `threading.Condition.wait` Ctrl-C becomes "release unlocked lock".
INTERRUPTIONS = (KeyboardInterrupt, RuntimeError)


class Interrupter:
    """Raises KeyboardInterrupt in this thread, as Ctrl-C does, after some lines of code or some seconds."""

    def __init__(self, lines: int | None, seconds: float | None, again: float | None, within: str | None) -> None:
        self.lines = 0
        self._stop_at = lines
        self._seconds = seconds
        self._again = again
        self._within = within
        self._is_armed = False

    def __enter__(self) -> None:
        self._is_armed = True
        signal.signal(signal.SIGALRM, self._ring)
        if self._seconds is not None:
            signal.setitimer(signal.ITIMER_REAL, self._seconds)
        sys.settrace(self._enter_function)

    def _ring(self, *_: object) -> None:
        if self._is_armed:
            self._arm_again()
            raise KeyboardInterrupt

    def _arm_again(self) -> None:
        again, self._again = self._again, None
        if again is not None:
            signal.setitimer(signal.ITIMER_REAL, again)

    def _enter_function(self, frame: FrameType, *_: object) -> Any:
        if frame.f_code.co_qualname == self._within:
            self._within = None
        return self._next_line if frame.f_code.co_filename.startswith(WATCHED) else None

    def _next_line(self, frame: FrameType, event: str, _: object) -> Any:
        if event == "line" and self._within is None and not self._is_at_block(frame):
            self.lines += 1
            if self.lines == self._stop_at:
                self._arm_again()
                raise KeyboardInterrupt
        return self._next_line

    @staticmethod
    def _is_at_block(frame: FrameType) -> bool:
        """At the word "try" nothing can be interrupted, and an exception at the end of "with" would skip its exit."""
        return linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip().startswith(("try:", "with "))

    def __exit__(self, *_: object) -> None:
        self._is_armed = False
        sys.settrace(None)
        signal.setitimer(signal.ITIMER_REAL, 0)


def attempt(wish: dict[str, Any], kept: list[Any]) -> dict[str, Any]:
    """Do what is wished, and say how that ended. What there is then is kept, as in a notebook."""
    interrupter = Interrupter(wish.get("lines"), wish.get("seconds"), wish.get("again"), wish.get("within"))
    is_interrupted = False
    try:
        try:
            do(wish, kept, interrupter)
        except INTERRUPTIONS as error:
            is_interrupted = True
            kept.insert(0, error)
    except INTERRUPTIONS as error:
        # The second one was so late.
        kept.insert(0, error)
    env = kept[-1] if kept else None
    is_owned = isinstance(env, GodotParallelEnv) and env._arena._worker is not None
    return {"interrupted": is_interrupted, "owned": is_owned, "lines": interrupter.lines}


def do(wish: dict[str, Any], kept: list[Any], interrupter: Interrupter) -> None:
    """Do what is wished; the environment, if there is one that can be used, is kept last."""
    kept.append(None)
    if wish["do"] == "process":
        with interrupter:
            GameProcess(["sleep", "1000"]).close(0.0)
    elif wish["do"] == "run":
        with interrupter:
            run([sys.executable, "-c", "print(1)"], timeout=600)
    elif wish["do"] == "vector":
        with interrupter:
            godot_marl.vector_env(wish["project"], scene="walker.tscn", processes=2).close()
    else:
        if wish["do"] == "import":
            shutil.rmtree(Path(wish["project"]) / ".godot")
        env = godot_marl.parallel_env(
            wish["project"],
            scene="walker.tscn",
            render_mode="rgb_array" if wish["do"] == "display" else None,
            render_size=(64, 48),
        )
        kept.append(env)
        if wish["do"] == "close":
            env.reset(seed=1)
            process = env._arena._worker._process
            if wish.get("stopped"):
                os.kill(process.pid, signal.SIGSTOP)
            with interrupter:
                env.close()
        else:
            with interrupter:
                env.reset(seed=1)


def main() -> None:
    """Attempt what each line says."""
    kept: list[Any] = []
    for line in sys.stdin:
        wish = json.loads(line)
        if wish["do"] == "forget":
            # The exceptions, which know what was interrupted.
            del kept[:-1]
            gc.collect()
            answer: dict[str, Any] = {}
        elif wish["do"] == "go on":
            # The environment that was interrupted, if there is one, and if it was not closed.
            env = kept[-1]
            env.reset(seed=1)
            env.step({"walker_0": 1})
            env.close()
            answer = {}
        else:
            answer = attempt(wish, kept)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

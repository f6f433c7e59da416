"""Run a program to its end, within a deadline and without leaving it or children of it behind."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

# A program that is killed is gone in a moment, unless a system call of it does not return.
_PATIENCE = 5.0
# How often a program that has closed its output is looked at.
_INTERVAL = 0.05


@dataclass(frozen=True)
class Finished:
    """What a program left: its exit status, and its two outputs as text."""

    status: int
    stdout: str
    stderr: str


def run(
    command: Sequence[str | os.PathLike[str]],
    *,
    timeout: float,
    env: Mapping[str, str] | None = None,
    on_line: Callable[[str], None] | None = None,
) -> Finished:
    """Run a program without any input.

    Args:
        command: The program and its arguments; no shell is involved.
        timeout: Seconds after which it is killed, with its children.
        env: Its whole environment; None is ours.
        on_line: Called, in this thread, with each line of its standard output as soon as it is there.

    Raises:
        OSError: It could not be started.
        subprocess.TimeoutExpired: It was killed, as the time was over.
    """
    program = _Program(command, env, time.monotonic() + timeout)
    lines = []
    try:
        program.start()
        while (line := program.next_line()) is not None:
            lines.append(line)
            if on_line is not None:
                on_line(line)
        if program.failure is not None:
            raise program.failure
        if program.status is None:
            raise subprocess.TimeoutExpired([os.fspath(part) for part in command], timeout)
    except BaseException:
        program.stop()
        raise
    return Finished(program.status, "".join(lines), program.errors)


class _Program(threading.Thread):
    """Starts one program and sees it to its end.

    It is a thread because Ctrl-C interrupts the main thread alone, between any two instructions: what is started here
    is never started and forgotten.

    Args:
        command: The program and its arguments.
        env: Its whole environment; None is ours.
        deadline: When it is killed, on the clock of `time.monotonic`.

    Attributes:
        failure: Why it could not be started, if so.
        status: What it returned; None if it was killed here, and until then.
        errors: What it printed to its standard error.
    """

    def __init__(
        self, command: Sequence[str | os.PathLike[str]], env: Mapping[str, str] | None, deadline: float
    ) -> None:
        super().__init__(name=f"godot-marl {os.fspath(command[0])}", daemon=True)
        self.failure: Exception | None = None
        self.status: int | None = None
        self.errors = ""
        self._command = command
        self._env = env
        self._deadline = deadline
        self._is_unwanted = False
        # Set as soon as there is a reason to look at it: its output has ended, or nobody wants it any more.
        self._call = threading.Event()
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def next_line(self) -> str | None:
        """The next line of its standard output; None once it is over, and if it does not end though it was killed."""
        try:
            line = self._lines.get(timeout=self._seconds_left() + _PATIENCE)
        except queue.Empty:
            return None
        return None if line is None else line.decode(errors="replace")

    def stop(self) -> None:
        """End it, if it is not over."""
        self._is_unwanted = True
        self._call.set()
        if self.ident is not None:
            self.join(_PATIENCE)

    def run(self) -> None:
        """See it to its end. Called by `start`."""
        try:
            with tempfile.TemporaryFile() as errors:
                process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env=self._env,
                    # A group of its own, as killing a script alone would leave what it started.
                    start_new_session=os.name == "posix",
                )
                try:
                    self._watch(process)
                finally:
                    if process.returncode is None:
                        _kill(process)
                errors.seek(0)
                self.errors = errors.read().decode(errors="replace")
        except Exception as error:
            self.failure = error
        finally:
            self._lines.put(None)

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        # A thread reads, since a pipe can stay open for ever: in the hands of a child that outlives the program.
        threading.Thread(target=self._read, args=(process,), daemon=True).start()
        self._call.wait(self._seconds_left())
        while not self._is_unwanted and self._seconds_left() and self.status is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.status = process.wait(min(_INTERVAL, self._seconds_left()))

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout as pipe:
            for line in pipe:
                self._lines.put(line)
        self._call.set()

    def _seconds_left(self) -> float:
        return max(0.0, self._deadline - time.monotonic())


def _kill(process: subprocess.Popen[bytes]) -> None:
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()

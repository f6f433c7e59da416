"""Runs a program with a deadline, and leaves no process of it behind."""

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

# In seconds. A killed program ends quickly, unless one of its system calls does not return.
_KILL_TIMEOUT = 5.0
# Seconds between checks of a program that has closed its output.
_POLL_INTERVAL = 0.05


@dataclass(frozen=True)
class Finished:
    """The result of a program.

    Attributes:
        status: The exit status.
        stdout: The standard output.
        stderr: The standard error.
    """

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
    """Run a program without input.

    Args:
        command: The program and its arguments; there is no shell.
        timeout: Seconds after which the program and its children are killed.
        env: The program's whole environment; None for this process's environment.
        on_line: Called in this thread with each line of the standard output as soon as it arrives.

    Raises:
        OSError: The program could not be started.
        subprocess.TimeoutExpired: The program was killed after the timeout.
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
    """Starts a program, and waits until it ends or kills it.

    It is a thread because Ctrl-C may interrupt the main thread between any two instructions, which would lose a process
    that has just started.

    Args:
        command: The program and its arguments.
        env: The program's whole environment; None for this process's environment.
        deadline: When the program is killed, on the clock of `time.monotonic`.

    Attributes:
        failure: Why the program could not be started, or None.
        status: The exit status; None while the program runs, and if it was killed here.
        errors: The program's standard error.
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
        self._is_cancelled = False
        # Set when the program's output has ended, and when the program is cancelled.
        self._wakeup = threading.Event()
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def next_line(self) -> str | None:
        """Return the next line of the standard output; None at its end, or if a killed program does not end."""
        try:
            line = self._lines.get(timeout=self._seconds_left() + _KILL_TIMEOUT)
        except queue.Empty:
            return None
        return None if line is None else line.decode(errors="replace")

    def stop(self) -> None:
        """Kill the program if it still runs."""
        self._is_cancelled = True
        self._wakeup.set()
        if self.ident is not None:
            self.join(_KILL_TIMEOUT)

    def run(self) -> None:
        """Start the program, and wait until it ends or kill it. `start` calls this method."""
        try:
            with tempfile.TemporaryFile() as errors:
                process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env=self._env,
                    # A separate process group, so that killing a script also kills its children.
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
        # Read in another thread, because a child that outlives the program may keep the pipe open.
        threading.Thread(target=self._read, args=(process,), daemon=True).start()
        self._wakeup.wait(self._seconds_left())
        while not self._is_cancelled and self._seconds_left() and self.status is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.status = process.wait(min(_POLL_INTERVAL, self._seconds_left()))

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout as pipe:
            for line in pipe:
                self._lines.put(line)
        self._wakeup.set()

    def _seconds_left(self) -> float:
        return max(0.0, self._deadline - time.monotonic())


def _kill(process: subprocess.Popen[bytes]) -> None:
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()

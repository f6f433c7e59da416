"""Run a program to its end, within a deadline and without leaving children of it behind."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass


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
    deadline = time.monotonic() + timeout
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(  # noqa: S603 - never a shell, and only programs that the user has or named
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=env,
            # A group of its own, as killing a script alone would leave what it started.
            start_new_session=os.name == "posix",
        )
        try:
            lines = []
            for line in _lines(process, deadline):
                lines.append(line)
                if on_line is not None:
                    on_line(line)
            status = process.wait(max(0.0, deadline - time.monotonic()))
        except (queue.Empty, subprocess.TimeoutExpired):
            _kill(process)
            raise subprocess.TimeoutExpired([os.fspath(part) for part in command], timeout) from None
        except BaseException:
            _kill(process)
            raise
        errors.seek(0)
        return Finished(status, "".join(lines), errors.read().decode(errors="replace"))


def _lines(process: subprocess.Popen[bytes], deadline: float) -> Iterator[str]:
    """Yield the lines of its output; raise `queue.Empty` at the deadline.

    A thread reads, since a pipe can stay open for ever: in the hands of a child that outlives the program.
    """
    pipe = process.stdout
    assert pipe is not None
    lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def read() -> None:
        with pipe:
            for line in pipe:
                lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    while (line := lines.get(timeout=max(0.0, deadline - time.monotonic()))) is not None:
        yield line.decode(errors="replace")


def _kill(process: subprocess.Popen[bytes]) -> None:
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()

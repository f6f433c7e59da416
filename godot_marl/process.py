"""One running game, as seen from Python: its supervisor, its exit status, and what it printed."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from godot_marl import _supervisor
from godot_marl.errors import GameError, MissingDependencyError

logger = logging.getLogger(__name__)

_TAIL_BYTES = 16_384
_TAIL_LINES = 40
# A game that prints in every step must fill neither the disk nor the memory.
_LARGEST_LOG = 64 << 20
_LARGEST_READ = 4 << 20


class GameProcess:
    """A game under its supervisor. It ends with `close`, and whenever this Python ends.

    Args:
        command: The program and its arguments; no shell is involved.
        folder: The folder to run in; None for the current one.
        environment: What to add to the environment.
        display: The size of the virtual display to start for it, or None for none.
        cpu: The processor to keep it on, or None for all (Linux only).

    Raises:
        GameError: The program could not be started.
        MissingDependencyError: There is no virtual display to be had.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: str | os.PathLike[str] | None = None,
        environment: Mapping[str, str] | None = None,
        display: tuple[int, int] | None = None,
        cpu: int | None = None,
    ) -> None:
        self.command = list(command)
        self.exit_status: int | None = None
        self.pid: int | None = None
        self._failure: str | None = None
        self._heard = threading.Event()
        self._over = threading.Event()
        self._folder = tempfile.TemporaryDirectory(prefix="godot-marl-", ignore_cleanup_errors=True)
        self._log = Path(self._folder.name) / "output.txt"
        self._log.touch()
        # Open all the time, because it is looked at in every step.
        self._fresh = self._log.open("rb", buffering=0)
        self._seen = 0
        logger.debug("starting %s", self.command)
        self._supervisor = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-P", _supervisor.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Unbuffered: at Python's end the thread that reads may hold a buffer's lock for ever.
            bufsize=0,
            # Ctrl-C is for Python; the game ends when Python says so.
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._listen, name="godot-marl supervisor", daemon=True)
        self._reader.start()
        self._order(command, folder, environment or {}, display, cpu)

    def _order(
        self,
        command: Sequence[str],
        folder: str | os.PathLike[str] | None,
        environment: Mapping[str, str],
        display: tuple[int, int] | None,
        cpu: int | None,
    ) -> None:
        wish = {
            "command": list(command),
            "folder": None if folder is None else os.fspath(folder),
            "environment": dict(environment),
            "log": str(self._log),
            "scratch": self._folder.name,
            "display": display,
            "cpu": cpu,
        }
        assert self._supervisor.stdin is not None
        with contextlib.suppress(OSError):
            self._supervisor.stdin.write(json.dumps(wish).encode() + b"\n")
        self._heard.wait(60.0)
        if self.pid is None:
            failure = self._failure or "the supervisor did not answer"
            self.close(0.0)
            raise _start_error(self.command, failure, display is not None)

    def _listen(self) -> None:
        assert self._supervisor.stdout is not None
        unread = b""
        while data := self._supervisor.stdout.read(4096):
            *lines, unread = (unread + data).split(b"\n")
            for line in lines:
                message = json.loads(line)
                self.pid = message.get("pid", self.pid)
                self._failure = message.get("failed", self._failure)
                self.exit_status = message.get("exited", self.exit_status)
                self._heard.set()
        self._over.set()
        self._heard.set()

    @property
    def is_over(self) -> bool:
        """True once the game has ended, its display too."""
        return self._over.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait until the game has ended; False if it has not."""
        return self._over.wait(max(0.0, seconds))

    def output(self) -> str:
        """The last lines that the game printed."""
        return "\n".join(_text(self._tail()).splitlines()[-_TAIL_LINES:])

    def _tail(self) -> bytes:
        try:
            with self._log.open("rb") as log:
                size = log.seek(0, os.SEEK_END)
                log.seek(max(0, size - _TAIL_BYTES))
                return log.read(_TAIL_BYTES)
        except OSError:
            return b""

    def fresh_output(self) -> str:
        """What the game has printed since this was last asked; almost free if that is nothing.

        Of more than 4 MiB only the first and the last 2 MiB. Of a log that has become too long only the end is kept.
        """
        try:
            # The cheapest question that there is about a file's size.
            size = self._fresh.seek(0, os.SEEK_END)
            if size == self._seen:
                return ""
            self._fresh.seek(self._seen)
            if size - self._seen <= _LARGEST_READ:
                fresh = self._fresh.read(size - self._seen)
            else:
                fresh = self._fresh.read(_LARGEST_READ // 2) + b"\n"
                self._fresh.seek(size - _LARGEST_READ // 2)
                fresh += self._fresh.read(_LARGEST_READ // 2)
            self._seen = size if size <= _LARGEST_LOG else self._shorten_log()
        except (OSError, ValueError):
            # Gone, or closed by `close`.
            return ""
        return _text(fresh)

    def _shorten_log(self) -> int:
        """Keep the log's end alone. The game appends, so what it prints next comes after that."""
        tail = self._tail()
        os.truncate(self._log, 0)
        with self._log.open("ab") as log:
            log.write(tail)
            return log.tell()

    def whole_output(self, limit: int = 1 << 22) -> str:
        """What the game printed from the beginning, at most `limit` bytes."""
        try:
            with self._log.open("rb") as log:
                return _text(log.read(limit))
        except OSError:
            return ""

    def close(self, patience: float = 3.0) -> None:
        """End the game: wait up to `patience` seconds for it to end by itself, then kill it. Safe to call twice."""
        deadline = time.monotonic() + patience
        self.wait(deadline - time.monotonic())
        if self._supervisor.stdin is not None:
            with contextlib.suppress(OSError):
                self._supervisor.stdin.close()
        if not self.wait(10.0):
            self._supervisor.kill()
        self._supervisor.wait()
        self._reader.join(10.0)
        if self._supervisor.stdout is not None:
            self._supervisor.stdout.close()
        self._fresh.close()
        self._folder.cleanup()


def _text(output: bytes) -> str:
    return output.decode("utf-8", "replace")


def _start_error(command: Sequence[str], failure: str, with_display: bool) -> GameError | MissingDependencyError:
    if with_display and ("pyvirtualdisplay" in failure or "Xvfb" in failure or "xvfb" in failure):
        return MissingDependencyError(
            "This machine has no display, and no virtual one could be started.",
            where="render_mode",
            expected="Xvfb and the Python package PyVirtualDisplay",
            got=failure,
            remedy="Install both: `apt-get install xvfb` (or your system's package) and "
            "`pip install godot-marl[render]`.",
        )
    return GameError(
        "The game could not be started.",
        where=" ".join(command),
        expected="a program that runs",
        got=failure,
        remedy="Run the command by hand to see what is wrong with it.",
    )

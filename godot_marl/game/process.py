"""One running game process: its supervisor, its exit status, and its output."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path

from godot_marl.errors import GameError, MissingDependencyError
from godot_marl.game.log import GameLog, QuietFile
from godot_marl.game.supervisor import SupervisorThread

logger = logging.getLogger(__name__)

_START_TIMEOUT = 60.0
# Longer than the thread waits before it kills a supervisor that does not respond.
_END_TIMEOUT = 10.0
_LIMIT_ERRNOS = (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM)

_lifelines: weakref.WeakSet[QuietFile] = weakref.WeakSet()
"""The lifelines that are open in this process."""


def _close_lifelines() -> None:
    """Close them in a forked child: otherwise the game survives when the parent closes its end."""
    for lifeline in list(_lifelines):
        lifeline.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_lifelines)


class GameProcess:
    """A game process under its supervisor.

    The game ends at `close`, when this Python process ends, and when this object is garbage-collected (Ctrl-C may come
    before a caller holds it).

    Args:
        command: The program and its arguments; no shell runs them.
        folder: The working directory; None for the current one.
        environment: Variables to add to the environment.
        display: (width, height) of a virtual display to start for the game, in pixels; None for no display.
        cpu: The CPU core to pin the game to (Linux only); None for all.

    Attributes:
        command: The program and its arguments.

    Raises:
        GameError: The program could not be started.
        MissingDependencyError: No virtual display could be started.
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
        try:
            scratch = tempfile.mkdtemp(prefix="godot-marl-")
        except OSError as error:
            raise _output_error(self.command, error) from error
        self._remove = weakref.finalize(self, _remove, scratch, os.getpid())
        try:
            self._start(scratch, folder, environment or {}, display, cpu)
        except GameError:
            self._remove()
            raise

    def _start(
        self,
        scratch: str,
        folder: str | os.PathLike[str] | None,
        environment: Mapping[str, str],
        display: tuple[int, int] | None,
        cpu: int | None,
    ) -> None:
        try:
            self._log = GameLog(Path(scratch) / "output.txt")
        except OSError as error:
            raise _output_error(self.command, error) from error
        request = {
            "command": self.command,
            "folder": None if folder is None else os.fspath(folder),
            "environment": dict(environment),
            "log": str(self._log.path),
            "scratch": scratch,
            "display": display,
            "cpu": cpu,
        }
        logger.debug("starting %s", self.command)
        try:
            reading, writing = os.pipe()
        except OSError as error:
            raise _limit_error(self.command, error) from error
        self._supervisor = SupervisorThread(QuietFile(reading, "rb"), scratch)
        # The game ends when this closes; only this object holds it, so that it closes with the object at the latest.
        self._lifeline = QuietFile(writing, "wb")
        _lifelines.add(self._lifeline)
        try:
            self._start_thread()
            self._send(request)
            self._supervisor.reported.wait(_START_TIMEOUT)
            if self._supervisor.error is not None:
                raise _limit_error(self.command, self._supervisor.error)
            if self.pid is None:
                failure = self._supervisor.failure or "the supervisor did not reply"
                raise _start_error(self.command, failure, display is not None)
        except BaseException:
            self.close(0.0)
            raise

    def _start_thread(self) -> None:
        try:
            self._supervisor.start()
        except RuntimeError as error:
            if "start new thread" not in str(error):
                # Such as the error that Ctrl-C causes inside a `threading.Condition`.
                raise
            raise _limit_error(self.command, error) from error

    def _send(self, request: Mapping[str, object]) -> None:
        unsent = memoryview(json.dumps(request).encode() + b"\n")
        # If the supervisor has ended already, its thread reports that; the OSError depends on the system.
        with contextlib.suppress(OSError):
            while unsent:
                unsent = unsent[self._lifeline.write(unsent) or 0 :]

    @property
    def pid(self) -> int | None:
        """The process id of the game."""
        return self._supervisor.pid

    @property
    def exit_status(self) -> int | None:
        """The exit status, minus the signal's number if a signal ended the game; None while it runs, and if unknown."""
        return self._supervisor.exit_status

    @property
    def lost_display(self) -> tuple[str, int | None] | None:
        """The name and exit status of the virtual display if that ended before the game; None if it did not."""
        name = self._supervisor.lost_display
        return None if name is None else (name, self._supervisor.display_status)

    @property
    def is_over(self) -> bool:
        """True once the game, its display and its supervisor have ended."""
        return self._supervisor.ended.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait at most `seconds` for the game to end; return whether it has ended."""
        return self._supervisor.ended.wait(max(0.0, seconds))

    def output(self) -> str:
        """The last lines that the game printed."""
        return self._log.last_lines()

    def read_new_output(self) -> str:
        """The output since the last call; see `GameLog.read_new`."""
        return self._log.read_new()

    def all_output(self, limit: int = 1 << 22) -> str:
        """The output from the start, at most `limit` bytes."""
        return self._log.beginning(limit)

    def end(self) -> None:
        """End the game without waiting for it. Safe to call twice, and from any thread."""
        self._lifeline.close()
        self._supervisor.kill_after_grace()

    def close(self, timeout: float = 3.0) -> None:
        """End the game and remove its files. Safe to call twice.

        Args:
            timeout: Seconds for the game to end by itself before it is killed.
        """
        try:
            self.wait(timeout)
        finally:
            # After Ctrl-C too. If a second one interrupts the rest, the supervisor and the finalizer do it.
            self.end()
        if self._supervisor.ident is not None:
            self._supervisor.join(_END_TIMEOUT)
        self._log.close()
        self._remove()


def _remove(folder: str, owner: int) -> None:
    """Remove a folder, except in a forked child: the folder belongs to the parent."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


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


def _limit_error(command: Sequence[str], error: Exception) -> GameError:
    return GameError(
        "The game could not be started, because its supervisor could not be started.",
        where=" ".join(command),
        expected="two pipes, a thread and a process for it",
        got=str(error),
        remedy="Check the limits of this process: open files (`ulimit -n`), processes and threads (`ulimit -u`), "
        "memory. Close environments that you no longer need, or raise the limit.",
    )


def _output_error(command: Sequence[str], error: OSError) -> GameError:
    if error.errno in _LIMIT_ERRNOS:
        return _limit_error(command, error)
    return GameError(
        "The file for the game's output could not be created.",
        where=error.filename or "the folder for temporary files",
        expected="a folder for temporary files with some room in it",
        got=str(error),
        remedy="Make room there, or set the environment variable TMPDIR to another folder.",
    )

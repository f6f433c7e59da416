"""One running game, as seen from Python: its supervisor, its exit status, and what it printed."""

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
from godot_marl.game_log import GameLog, QuietFile
from godot_marl.keeper import Keeper

logger = logging.getLogger(__name__)

_START_TIMEOUT = 60.0
# Longer than the keeper waits for a supervisor that does not answer.
_END_TIMEOUT = 10.0
_LIMITS = (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM)

_lifelines: weakref.WeakSet[QuietFile] = weakref.WeakSet()
"""The open ones of this process."""


def _close_lifelines() -> None:
    """In a forked child: what it holds open is no lifeline that the parent could let go."""
    for lifeline in list(_lifelines):
        lifeline.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_lifelines)


class GameProcess:
    """A game under its supervisor.

    It ends with `close`, when this Python ends, and when this object is lost, as by Ctrl-C before anybody had it.

    Args:
        command: The program and its arguments; no shell is involved.
        folder: The folder to run in; None for the current one.
        environment: What to add to the environment.
        display: The size of the virtual display to start for it, or None for none.
        cpu: The processor to keep it on, or None for all (Linux only).

    Attributes:
        command: The program and its arguments.

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
        try:
            scratch = tempfile.mkdtemp(prefix="godot-marl-")
        except OSError as error:
            raise _place_error(self.command, error) from error
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
            raise _place_error(self.command, error) from error
        wish = {
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
        self._keeper = Keeper(QuietFile(reading, "rb"), scratch)
        # The game ends with it. Nobody else has it, so that it ends with this object at the latest.
        self._lifeline = QuietFile(writing, "wb")
        _lifelines.add(self._lifeline)
        try:
            self._start_keeper()
            self._say(wish)
            self._keeper.heard.wait(_START_TIMEOUT)
            if self._keeper.error is not None:
                raise _limit_error(self.command, self._keeper.error)
            if self.pid is None:
                failure = self._keeper.failure or "the supervisor did not answer"
                raise _start_error(self.command, failure, display is not None)
        except BaseException:
            self.close(0.0)
            raise

    def _start_keeper(self) -> None:
        try:
            self._keeper.start()
        except RuntimeError as error:
            if "start new thread" not in str(error):
                # Such as what Ctrl-C becomes in the midst of a condition of `threading`.
                raise
            raise _limit_error(self.command, error) from error

    def _say(self, wish: Mapping[str, object]) -> None:
        unsent = memoryview(json.dumps(wish).encode() + b"\n")
        # A supervisor that is gone already is heard of by the keeper. Not each system calls that a broken pipe.
        with contextlib.suppress(OSError):
            while unsent:
                unsent = unsent[self._lifeline.write(unsent) or 0 :]

    @property
    def pid(self) -> int | None:
        """The number of its process."""
        return self._keeper.pid

    @property
    def exit_status(self) -> int | None:
        """What it returned, minus the signal's number if a signal ended it; None while it runs, and if unknown."""
        return self._keeper.exit_status

    @property
    def lost_display(self) -> tuple[str, int | None] | None:
        """The name of its virtual display, and what that returned, if it ended before the game did."""
        name = self._keeper.lost_display
        return None if name is None else (name, self._keeper.display_status)

    @property
    def is_over(self) -> bool:
        """True once the game has ended, its display too."""
        return self._keeper.over.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait until the game has ended; False if it has not."""
        return self._keeper.over.wait(max(0.0, seconds))

    def output(self) -> str:
        """The last lines that the game printed."""
        return self._log.last_lines()

    def fresh_output(self) -> str:
        """What the game has printed since this was last asked; see `GameLog.fresh`."""
        return self._log.fresh()

    def whole_output(self, limit: int = 1 << 22) -> str:
        """What the game printed from the beginning, at most `limit` bytes."""
        return self._log.beginning(limit)

    def end(self) -> None:
        """See to it that the game ends now, without waiting for it. Safe to call twice, and from any thread."""
        self._lifeline.close()
        self._keeper.hurry()

    def close(self, patience: float = 3.0) -> None:
        """End the game: wait up to `patience` seconds for it to end by itself, then kill it. Safe to call twice."""
        try:
            self.wait(patience)
        finally:
            # Also after Ctrl-C: what follows is waiting, and is done by others too.
            self.end()
        if self._keeper.ident is not None:
            self._keeper.join(_END_TIMEOUT)
        self._log.close()
        self._remove()


def _remove(folder: str, owner: int) -> None:
    """Remove a folder, but not in a forked child: it is the parent's."""
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
        "The game could not be started, because its supervisor could not.",
        where=" ".join(command),
        expected="two pipes, a thread and a process for it",
        got=str(error),
        remedy="See what this process is limited to: open files (`ulimit -n`), processes and threads (`ulimit -u`), "
        "memory. Close the environments that are no longer needed, or raise the limit.",
    )


def _place_error(command: Sequence[str], error: OSError) -> GameError:
    if error.errno in _LIMITS:
        return _limit_error(command, error)
    return GameError(
        "There is no place for what the game prints.",
        where=error.filename or "the folder for temporary files",
        expected="a folder for temporary files with some room in it",
        got=str(error),
        remedy="Make room there, or set the environment variable TMPDIR to another folder.",
    )

"""What a game prints, in a file that must fill neither the disk nor the memory."""

from __future__ import annotations

import io
import os
from pathlib import Path

_TAIL_BYTES = 16_384
_TAIL_LINES = 40
_LARGEST_LOG = 64 << 20
_LARGEST_READ = 4 << 20


class QuietFile(io.FileIO):
    """Closes without a complaint when it is lost."""

    def __del__(self) -> None:
        self.close()


class GameLog:
    """A file to which a game appends what it prints.

    Args:
        path: The file, which is made.

    Attributes:
        path: The same.

    Raises:
        OSError: It cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()
        # Open all the time, because it is looked at in every step.
        self._fresh = QuietFile(path, "rb")
        self._seen = 0

    def last_lines(self) -> str:
        """The last lines that the game printed."""
        return "\n".join(_text(self._tail()).splitlines()[-_TAIL_LINES:])

    def _tail(self) -> bytes:
        try:
            with self.path.open("rb") as log:
                size = log.seek(0, os.SEEK_END)
                log.seek(max(0, size - _TAIL_BYTES))
                return log.read(_TAIL_BYTES)
        except OSError:
            return b""

    def fresh(self) -> str:
        """What was printed since this was last asked; almost free if that is nothing.

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
            self._seen = size if size <= _LARGEST_LOG else self._shorten()
        except (OSError, ValueError):
            # Gone, or closed.
            return ""
        return _text(fresh)

    def _shorten(self) -> int:
        """Keep the end alone. The game appends, so what it prints next comes after that."""
        tail = self._tail()
        os.truncate(self.path, 0)
        with self.path.open("ab") as log:
            log.write(tail)
            return log.tell()

    def beginning(self, limit: int) -> str:
        """What was printed from the beginning, at most `limit` bytes."""
        try:
            with self.path.open("rb") as log:
                return _text(log.read(limit))
        except OSError:
            return ""

    def close(self) -> None:
        """Look at it no longer. Safe to call twice."""
        self._fresh.close()


def _text(output: bytes) -> str:
    return output.decode("utf-8", "replace")

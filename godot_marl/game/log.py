"""The log file of a game's output, with bounds for disk and memory."""

from __future__ import annotations

import io
import os
from pathlib import Path

_TAIL_BYTES = 16_384
_TAIL_LINES = 40
# Bytes.
_LARGEST_LOG = 64 << 20
_LARGEST_READ = 4 << 20


class QuietFile(io.FileIO):
    """A file that is closed without a ResourceWarning when it is garbage-collected."""

    def __del__(self) -> None:
        self.close()


class GameLog:
    """The file to which a game appends its output.

    Args:
        path: The file; it is created.

    Attributes:
        path: The file.

    Raises:
        OSError: The file cannot be created.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()
        # Stays open, because every step reads it.
        self._file = QuietFile(path, "rb")
        self._offset = 0

    def last_lines(self) -> str:
        """The last 40 lines of the output."""
        return "\n".join(_decode(self._tail()).splitlines()[-_TAIL_LINES:])

    def _tail(self) -> bytes:
        try:
            with self.path.open("rb") as log:
                size = log.seek(0, os.SEEK_END)
                log.seek(max(0, size - _TAIL_BYTES))
                return log.read(_TAIL_BYTES)
        except OSError:
            return b""

    def read_new(self) -> str:
        """Read the output since the last call; almost free if there is none.

        Returns:
            The output; of more than 4 MiB only the first and the last 2 MiB. A file over 64 MiB is truncated to its
            last lines.
        """
        try:
            # The cheapest way to get the size of a file.
            size = self._file.seek(0, os.SEEK_END)
            if size == self._offset:
                return ""
            self._file.seek(self._offset)
            if size - self._offset <= _LARGEST_READ:
                output = self._file.read(size - self._offset)
            else:
                output = self._file.read(_LARGEST_READ // 2) + b"\n"
                self._file.seek(size - _LARGEST_READ // 2)
                output += self._file.read(_LARGEST_READ // 2)
            self._offset = size if size <= _LARGEST_LOG else self._truncate()
        except (OSError, ValueError):
            # The file was removed or closed.
            return ""
        return _decode(output)

    def _truncate(self) -> int:
        """Keep only the end of the file, and return its size. The game opened it for appending, and writes after it."""
        tail = self._tail()
        os.truncate(self.path, 0)
        with self.path.open("ab") as log:
            log.write(tail)
            return log.tell()

    def beginning(self, limit: int) -> str:
        """The output from the start, at most `limit` bytes."""
        try:
            with self.path.open("rb") as log:
                return _decode(log.read(limit))
        except OSError:
            return ""

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        self._file.close()


def _decode(output: bytes) -> str:
    return output.decode("utf-8", "replace")

"""Ends a game: requests that it quits, waits, and kills the process if it does not."""

from __future__ import annotations

import contextlib
import time

from godot_marl import errors
from godot_marl.game.process import GameProcess
from godot_marl.transport.connection import Connection

# Seconds for a game to end after a close message, or after it has closed its connection.
EXIT_TIMEOUT = 3.0


def end_game(connection: Connection | None, process: GameProcess | None, message: str, timeout: float) -> None:
    """Send the close message to a game (docs/protocol.md, 2.6), wait for its end, and kill it if it does not end.

    Args:
        connection: The connection to the game; None if there is none.
        process: The process of the game; None for a game that the user started.
        message: The close message.
        timeout: Seconds for the game to end.
    """
    try:
        _send_close(connection, process, message, timeout)
    finally:
        # After Ctrl-C too: from here on the supervisor ends the game, even if a second Ctrl-C interrupts this.
        if process is not None:
            process.end()
        if connection is not None:
            connection.close()
    if process is not None:
        process.close(0.0)


def _send_close(connection: Connection | None, process: GameProcess | None, message: str, timeout: float) -> None:
    if connection is None:
        return
    with contextlib.suppress(OSError):
        connection.send(message, time.monotonic() + 1.0)
    if process is None:
        with contextlib.suppress(OSError, errors.ProtocolError):
            # A game that the user started closes its socket once it has read the message.
            connection.receive(time.monotonic() + timeout)
    elif timeout > 0:
        process.wait(timeout)

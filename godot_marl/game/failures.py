"""How a game ends: told to, or by itself; and the errors that say which."""

from __future__ import annotations

import contextlib
import time

from godot_marl import errors
from godot_marl.link import Link
from godot_marl.output import describe_status, last_words
from godot_marl.process import GameProcess

# How long a game may take to end once it was told to, or has closed its connection.
EXIT_PATIENCE = 3.0

LOOK_FOR_QUIT = "See what it printed, and look for quit() in the scene; reset() starts the game again."


def end_game(link: Link | None, process: GameProcess | None, farewell: str, patience: float) -> None:
    """Take leave of a game, wait until it is gone, and end it if it is not.

    Args:
        link: The connection to it, if there is one.
        process: Its process; None for a game that the user started.
        farewell: The message that tells it to end.
        patience: For how many seconds to wait.
    """
    try:
        _take_leave(link, process, farewell, patience)
    finally:
        # Also after Ctrl-C, which may come at any moment: from here on others see to the game's end.
        if process is not None:
            process.end()
        if link is not None:
            link.close()
    if process is not None:
        process.close(0.0)


def _take_leave(link: Link | None, process: GameProcess | None, farewell: str, patience: float) -> None:
    if link is None:
        return
    with contextlib.suppress(OSError):
        link.send(farewell, time.monotonic() + 1.0)
    if process is None:
        with contextlib.suppress(OSError, errors.ProtocolError):
            # A game that the user started closes its own socket once it has read the message.
            link.receive(time.monotonic() + patience)
    elif patience > 0:
        process.wait(patience)


def timeout_error(
    what: str, where: str, doing: str, seconds: float, process: GameProcess | None
) -> errors.GameTimeoutError:
    """The error of a game that `what` ("did not answer") within so many seconds, while Python was `doing`."""
    output = process.output() if process else ""
    error = errors.GameTimeoutError(
        f"The game {what} in time; it was ended.",
        where=f"{where}, while Python was {doing}",
        expected=f"an answer within {seconds:g} s",
        got=last_words(output),
        remedy="Look for an endless loop in the scene, or give a longer step_timeout=.",
    )
    error.output = output
    return error


def nobody_error(url: str, turned_away: str, seconds: float) -> errors.GameTimeoutError:
    """The error of a game that the user was to start, and did not."""
    return errors.GameTimeoutError(
        "No game connected.",
        where=url,
        expected=f"a game within {round(seconds, 1):g} s",
        got=f"somebody who was turned away: {turned_away}" if turned_away else "none",
        remedy="Start the game while Python waits, with the bridge's address set to this one; "
        "start_timeout= makes the wait longer.",
    )


def not_connected_error(process: GameProcess, where: str, url: str, seconds: float) -> errors.GameTimeoutError:
    """The error of a game that runs, and has not connected."""
    return errors.GameTimeoutError(
        "The game runs, but did not connect.",
        where=f"{where}, which should connect to {url}",
        expected=f"a connection within {round(seconds, 1):g} s",
        got=last_words(process.output()),
        remedy="See whether the scene has an enabled MarlBridge; start_timeout= makes the wait longer.",
    )


def no_bridge_error(where: str, got: str) -> errors.NoBridgeError:
    """The error of a scene without a bridge."""
    return errors.NoBridgeError(
        "The scene has no MarlBridge node.",
        where=where,
        expected="an enabled MarlBridge in the scene",
        got=got,
        remedy="Add a MarlBridge node to the scene; `godot-marl addon install PROJECT_FOLDER` brings it.",
    )


def disabled_bridge_error(where: str, complaint: str) -> errors.NoBridgeError:
    """The error of a scene whose bridge is switched off."""
    return errors.NoBridgeError(
        "The scene's MarlBridge is not enabled.",
        where=where,
        expected="an enabled MarlBridge in the scene",
        got=complaint,
        remedy="Switch the bridge's property enabled on in the scene.",
    )


def closed_error(where: str, doing: str, cause: OSError) -> errors.GameExitedError:
    """The error of a game that the user started, and that has closed the connection."""
    return errors.GameExitedError(
        "The game closed the connection.",
        where=f"{where}, while Python was {doing}",
        got=str(cause),
        remedy="Start the game again, and call reset() or make a new environment.",
    )


def exited_error(
    process: GameProcess, where: str, when: str, *, reason: str | None = None, remedy: str = LOOK_FOR_QUIT
) -> errors.GameExitedError:
    """The error of a game whose process has ended, with its exit status and its last words, or a better reason."""
    status, output = process.exit_status, process.output()
    if process.lost_display is not None:
        display, display_status = process.lost_display
        error = errors.GameExitedError(
            f"The virtual display of the game ended {when}, and the game with it.",
            where=f"the display {display} of {where}",
            expected="an Xvfb that runs as long as the game",
            got=f"an Xvfb that ended: {describe_status(display_status)}",
            remedy="See what ended it, such as a lack of memory; reset() starts both again.",
        )
    else:
        error = errors.GameExitedError(
            f"The game ended {when}.",
            where=where,
            expected="a game that runs until the environment is closed",
            got=f"{describe_status(status)}; {reason or last_words(output)}",
            remedy=remedy,
        )
    error.exit_status = status
    error.output = output
    return error

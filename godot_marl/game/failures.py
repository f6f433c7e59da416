"""The errors about a game that does not connect, does not reply, or ends."""

from __future__ import annotations

from godot_marl import errors
from godot_marl.game.log_parser import describe_status, tail_for_message
from godot_marl.game.process import GameProcess

LOOK_FOR_QUIT = "Read its output, and look for quit() in the scene; reset() starts the game again."


def timeout_error(
    what: str, where: str, phase: str, seconds: float, process: GameProcess | None
) -> errors.GameTimeoutError:
    """Make the error of a game that missed a deadline.

    Args:
        what: What the game did, as a predicate: "did not reply".
        where: The name of the game.
        phase: What Python was doing: "waiting for a reply".
        seconds: The time limit.
        process: The process of the game; None for a game that the user started.
    """
    output = process.output() if process else ""
    error = errors.GameTimeoutError(
        f"The game {what} in time; it was ended.",
        where=f"{where}, while Python was {phase}",
        expected=f"a reply within {seconds:g} s",
        got=tail_for_message(output),
        remedy="Look for an endless loop in the scene, or give a longer step_timeout=.",
    )
    error.output = output
    return error


def no_connection_error(url: str, rejected: str, seconds: float) -> errors.GameTimeoutError:
    """Make the error of a game that the user should have started.

    Args:
        url: The address on which Python listened.
        rejected: Why Python rejected a connection; empty if it rejected none.
        seconds: How long Python waited.
    """
    return errors.GameTimeoutError(
        "No game connected.",
        where=url,
        expected=f"a game within {round(seconds, 1):g} s",
        got=f"a connection that Python rejected: {rejected}" if rejected else "none",
        remedy="Start the game while Python waits, with this address in the bridge; "
        "start_timeout= makes the wait longer.",
    )


def not_connected_error(process: GameProcess, where: str, url: str, seconds: float) -> errors.GameTimeoutError:
    """Make the error of a game that runs `seconds` after its start, but has not connected to `url`."""
    return errors.GameTimeoutError(
        "The game runs, but did not connect.",
        where=f"{where}, which should connect to {url}",
        expected=f"a connection within {round(seconds, 1):g} s",
        got=tail_for_message(process.output()),
        remedy="Check that the scene has an enabled MarlBridge; start_timeout= makes the wait longer.",
    )


def no_bridge_error(where: str, got: str) -> errors.NoBridgeError:
    """Make the error of a scene without a bridge."""
    return errors.NoBridgeError(
        "The scene has no MarlBridge node.",
        where=where,
        expected="an enabled MarlBridge in the scene",
        got=got,
        remedy="Add a MarlBridge node to the scene; `godot-marl addon install PROJECT_FOLDER` installs the addon.",
    )


def disabled_bridge_error(where: str, message: str) -> errors.NoBridgeError:
    """Make the error of a scene whose bridge printed the `message` that it is not enabled."""
    return errors.NoBridgeError(
        "The scene's MarlBridge is not enabled.",
        where=where,
        expected="an enabled MarlBridge in the scene",
        got=message,
        remedy="Set the bridge's property enabled to true in the scene.",
    )


def connection_closed_error(where: str, phase: str, cause: OSError) -> errors.GameExitedError:
    """Make the error of a game that the user started, and that closed the connection in this `phase`."""
    return errors.GameExitedError(
        "The game closed the connection.",
        where=f"{where}, while Python was {phase}",
        got=str(cause),
        remedy="Start the game again, and call reset() or make a new environment.",
    )


def exited_error(
    process: GameProcess, where: str, when: str, *, reason: str | None = None, remedy: str = LOOK_FOR_QUIT
) -> errors.GameExitedError:
    """Make the error of a game whose process has ended.

    Args:
        process: The process.
        where: The name of the game.
        when: When it ended, as an adverbial: "before it connected".
        reason: Why it ended; None for the last lines of its output.
        remedy: What the user can do.
    """
    status, output = process.exit_status, process.output()
    if process.lost_display is not None:
        display, display_status = process.lost_display
        error = errors.GameExitedError(
            f"The virtual display of the game ended {when}, and the game with it.",
            where=f"the display {display} of {where}",
            expected="an Xvfb that runs as long as the game",
            got=f"an Xvfb that ended: {describe_status(display_status)}",
            remedy="Find out what ended Xvfb, such as a lack of memory; reset() starts both again.",
        )
    else:
        error = errors.GameExitedError(
            f"The game ended {when}.",
            where=where,
            expected="a game that runs until the environment is closed",
            got=f"{describe_status(status)}; {reason or tail_for_message(output)}",
            remedy=remedy,
        )
    error.exit_status = status
    error.output = output
    return error

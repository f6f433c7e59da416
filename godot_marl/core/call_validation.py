"""The errors of calls in a wrong state, the same in every form of an environment."""

from __future__ import annotations

from godot_marl import errors
from godot_marl.options import Game


def closed_error(game: Game) -> errors.ClosedEnvironmentError:
    """The environment was used after `close`."""
    return errors.ClosedEnvironmentError(
        "The environment was closed.",
        where=str(game or "the environment"),
        expected="an open environment",
        got="a call after close()",
        remedy="Make a new environment.",
    )


def reset_needed_error(method: str) -> errors.ResetNeededError:
    """A method was called before `reset`."""
    return errors.ResetNeededError(
        f"{method}() was called before reset().",
        where=f"{method}()",
        expected="a call of reset() first",
        got="none, or the game failed after it",
        remedy="Call reset().",
    )

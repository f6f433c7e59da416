"""Checks of how an environment is called, the same in every form."""

from __future__ import annotations

import numpy as np

from godot_marl import errors
from godot_marl.options import Game
from godot_marl.protocol import MAX_SEED


def check_seed(seed: object) -> None:
    """Check the seed of a reset.

    Raises:
        InvalidOptionError: It is neither None nor an integer from 0 to 2**63 - 1.
    """
    if seed is None:
        return
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed <= MAX_SEED:
        expected = f"an integer from 0 to {MAX_SEED}"
        raise errors.InvalidOptionError("The seed is out of range.", where="seed", expected=expected, got=repr(seed))


def closed_error(game: Game) -> errors.ClosedEnvironmentError:
    """The environment was used after `close`."""
    return errors.ClosedEnvironmentError(
        "The environment was closed.",
        where=str(game or "the environment"),
        expected="an open environment",
        got="a call after close()",
        remedy="Make a new one.",
    )


def reset_needed_error(method: str) -> errors.ResetNeededError:
    """A method was called before `reset`."""
    return errors.ResetNeededError(
        f"{method}() was called before reset().",
        where=f"{method}()",
        expected="a call of reset() first",
        got="none, or the game failed since",
        remedy="Call reset().",
    )


def broken_reply_error(where: str, got: str) -> errors.ProtocolError:
    """The slot flags of a reply contradict each other, or what came before."""
    return errors.ProtocolError(
        "The game's reply contradicts itself.",
        where=where,
        expected="slot flags as in docs/protocol.md, clause 6.3",
        got=got,
        remedy="Install the addon that belongs to this package: godot-marl addon install PROJECT_FOLDER.",
    )

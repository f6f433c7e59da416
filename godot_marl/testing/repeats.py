"""Does the same seed with the same actions give the same episode: in another process, and after a reset?"""

from __future__ import annotations

from collections.abc import Iterator

from godot_marl.errors import GodotMarlError
from godot_marl.options import Game, Options
from godot_marl.testing.recording import Recorder, Recording, first_difference
from godot_marl.testing.report import Finding, Level

CHECK = "repeats"

_SEED_ADVICE = (
    "Draw random numbers from a RandomNumberGenerator whose seed is set in set_seed(), or from randf() within an "
    "episode; look for randomize(), for random numbers in _ready(), for the clock (Time, OS), and for threads."
)
_RESET_ADVICE = (
    "Let reset() (and reset_arena() of the scene's root) put back every variable, timer, velocity and node that an "
    "episode changes. If only rigid bodies differ, by very little, it is the physics engine, which keeps contacts."
)


def check_repeats(game: Game, options: Options, steps: int, seed: int, into: list[Recording]) -> Iterator[Finding]:
    """Compare the first episodes of two processes, and two episodes of one process.

    Args:
        game: The game.
        options: The environment's options.
        steps: How long an episode is recorded.
        seed: The episodes' seed.
        into: Gets the first episode of a process, if it is the same in another one.
    """
    try:
        with Recorder(game, options) as recorder:
            scene = recorder.scene
            (first,) = recorder.play([seed], steps)
            (second,) = recorder.play([seed], steps)
        with Recorder(game, options) as recorder:
            (other,) = recorder.play([seed], steps)
    except GodotMarlError as error:
        yield Finding.of_error(CHECK, error)
        return
    difference = first_difference(scene, other, first)
    if difference:
        yield Finding(
            CHECK,
            Level.FAULT,
            f"The same seed and actions give another episode in another process: {difference}.",
            difference.where,
            _SEED_ADVICE,
        )
        return
    yield Finding(CHECK, Level.OK, f"Seed {seed} gives the same episode in another process, to the bit.")
    into.append(first)
    difference = first_difference(scene, second, first)
    if difference:
        yield Finding(
            CHECK,
            Level.WARNING,
            f"The same seed and actions give another episode after a reset: {difference}.",
            difference.where,
            _RESET_ADVICE,
        )
    else:
        yield Finding(CHECK, Level.OK, f"Seed {seed} gives the same episode after a reset, to the bit.")

"""Does the same seed with the same actions give the same episode: in another process, and after a reset?"""

from __future__ import annotations

from collections.abc import Iterator

from godot_marl.errors import GodotMarlError
from godot_marl.options import Game, Options
from godot_marl.testing.recording import Recorder, Recording, first_difference
from godot_marl.testing.report import Finding, Level

CHECK = "repeats"

_MOST_EPISODES = 20

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
            episodes = _play(recorder, seed, steps)
        with Recorder(game, options) as recorder:
            others = _play(recorder, seed, steps)
    except GodotMarlError as error:
        yield Finding.of_error(CHECK, error)
        return
    for number, (other, one) in enumerate(zip(others, episodes, strict=False), start=1):
        difference = first_difference(scene, other, one)
        if difference:
            yield Finding(
                CHECK,
                Level.FAULT,
                "The same seeds and actions give something else in another process: "
                f"in episode {number}, {difference}.",
                difference.where,
                _SEED_ADVICE,
            )
            return
    many = f"{len(episodes)} episodes are" if len(episodes) > 1 else "An episode is"
    yield Finding(CHECK, Level.OK, f"{many} the same in another process, to the bit.")
    into.append(episodes[0])
    difference = first_difference(scene, episodes[1], episodes[0])
    if difference:
        yield Finding(
            CHECK,
            Level.WARNING,
            f"The same seed and actions give another episode after a reset: {difference}.",
            difference.where,
            _RESET_ADVICE,
        )
    else:
        yield Finding(CHECK, Level.OK, "An episode is the same after a reset, to the bit.")


def record_alone(game: Game, options: Options, steps: int, seed: int) -> list[Recording]:
    """Record the first episode of a process, without comparing it.

    Raises:
        GodotMarlError: The game failed.
    """
    with Recorder(game, options) as recorder:
        return recorder.play([seed], steps)


def _play(recorder: Recorder, seed: int, steps: int) -> list[Recording]:
    """Two episodes of one seed, then others, until so many steps were played."""
    episodes: list[Recording] = []
    played = 0
    while len(episodes) < 2 or (played < 2 * steps and len(episodes) < _MOST_EPISODES):
        (episode,) = recorder.play([seed + max(0, len(episodes) - 1)], steps)
        episodes.append(episode)
        played += len(episode.replies) - 1
    return episodes

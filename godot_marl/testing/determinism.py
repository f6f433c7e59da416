"""Checks determinism: a seed with the same actions gives the same episode, in another process and after a reset."""

from __future__ import annotations

from collections.abc import Iterator

from godot_marl.errors import GodotMarlError
from godot_marl.options import Game, Options
from godot_marl.testing.report import Finding, Level
from godot_marl.testing.trajectory import Recorder, Recording, first_difference

CHECK = "repeats"

_MAX_EPISODES = 20

_SEED_ADVICE = (
    "Draw random numbers from a RandomNumberGenerator whose seed is set in set_seed(), or from randf() within an "
    "episode; look for randomize(), for random numbers in _ready(), for the clock (Time, OS), and for threads."
)
_RESET_ADVICE = (
    "Restore every variable, timer, velocity and node that an episode changes in reset(), and in reset_arena() of the "
    "scene's root. If only rigid bodies differ, by very little, the cause is the physics engine, which keeps contacts."
)


def check_repeats(
    game: Game, options: Options, steps: int, seed: int, recordings: list[Recording]
) -> Iterator[Finding]:
    """Compare the first episodes of two processes, and two episodes of one process.

    Args:
        game: The game.
        options: The environment's options.
        steps: Recorded steps of an episode.
        seed: The first episode's seed.
        recordings: Receives the first episode of a process, where it is the same in another one.
    """
    try:
        with Recorder(game, options) as recorder:
            scene = recorder.scene
            episodes = _record_episodes(recorder, seed, steps)
        with Recorder(game, options) as recorder:
            others = _record_episodes(recorder, seed, steps)
    except GodotMarlError as error:
        yield Finding.of_error(CHECK, error)
        return
    for number, (other, episode) in enumerate(zip(others, episodes, strict=False), start=1):
        difference = first_difference(scene, other, episode)
        if difference:
            yield Finding(
                CHECK,
                Level.FAULT,
                "The same seeds and actions give other episodes in another process: "
                f"in episode {number}, {difference}.",
                difference.where,
                _SEED_ADVICE,
            )
            return
    subject = f"{len(episodes)} episodes are" if len(episodes) > 1 else "An episode is"
    yield Finding(CHECK, Level.OK, f"{subject} exactly the same in another process.")
    recordings.append(episodes[0])
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
        yield Finding(CHECK, Level.OK, "An episode is exactly the same after a reset.")


def record_first_episode(game: Game, options: Options, steps: int, seed: int) -> list[Recording]:
    """Record the first episode of a process without comparing it.

    Raises:
        GodotMarlError: The game failed.
    """
    with Recorder(game, options) as recorder:
        return recorder.play([seed], steps)


def _record_episodes(recorder: Recorder, seed: int, steps: int) -> list[Recording]:
    """Record two episodes of one seed, then episodes of other seeds, until there are twice `steps` steps."""
    episodes: list[Recording] = []
    steps_played = 0
    while len(episodes) < 2 or (steps_played < 2 * steps and len(episodes) < _MAX_EPISODES):
        (episode,) = recorder.play([seed + max(0, len(episodes) - 1)], steps)
        episodes.append(episode)
        steps_played += len(episode.replies) - 1
    return episodes

"""All checks of one scene, in the order in which a fault explains the next."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from typing import Any

from godot_marl.arena import Arena
from godot_marl.errors import GodotMarlError, InvalidOptionError
from godot_marl.options import Game, Options
from godot_marl.protocol import SceneDescription
from godot_marl.testing.advice import advise
from godot_marl.testing.copies import CHECK as COPIES
from godot_marl.testing.copies import check_copies
from godot_marl.testing.pettingzoo_tests import CHECK as PETTINGZOO
from godot_marl.testing.pettingzoo_tests import run_pettingzoo_tests
from godot_marl.testing.playing import Playthrough
from godot_marl.testing.recording import Recording
from godot_marl.testing.repeats import CHECK as REPEATS
from godot_marl.testing.repeats import check_repeats, record_alone
from godot_marl.testing.report import Finding, Level, Report
from godot_marl.testing.values import is_unbounded

# What can be left out.
PARTS = (PETTINGZOO, REPEATS, COPIES)

_MOST_CYCLES = 100
_MOST_NAMES = 4


class Suite:
    """The checks of one scene.

    Args:
        game: A project folder, an exported executable, or a .pck file.
        steps: How many steps of random actions each check plays.
        seed: Seeds episodes and actions.
        skip: The parts to leave out, of `PARTS`.
        **options: See `godot_marl.options.Options`.

    Raises:
        InvalidOptionError: An option is unknown, or its value cannot work.
    """

    def __init__(
        self, game: Game, *, steps: int = 200, seed: int = 0, skip: Collection[str] = (), **options: Any
    ) -> None:
        self._game = game
        self._options = Options.of(options)
        _require(game is not None or self._options.command is not None, "game", "a game that Python starts", game)
        _require(steps >= 1, "steps", "at least 1", steps)
        _require(not set(skip) - set(PARTS), "skip", f"some of {', '.join(PARTS)}", skip)
        self._steps = steps
        self._seed = seed
        self._skip = skip
        self._arena = Arena(game, self._options)

    def __enter__(self) -> Suite:
        return self

    def __exit__(self, *_: object) -> None:
        self._arena.close()

    def start(self) -> SceneDescription:
        """Start the game, and return what the handshake said.

        Raises:
            GodotMarlError: The game could not be started; the type tells why.
        """
        return self._arena.start()

    def run(self) -> Iterator[Finding]:
        """Run the checks; each finding comes as soon as it is known.

        Raises:
            GodotMarlError: The game could not be started; the type tells why.
        """
        scene = self.start()
        yield from _judge_scene(scene)
        playthrough = Playthrough(self._arena, self._steps, self._seed)
        failed = False
        for finding in playthrough.run():
            failed = failed or (finding.check == "plays" and not finding.passed)
            yield finding
        self._arena.close()
        if failed:
            yield Finding("plays", Level.NOTE, "The other checks need a scene that plays, and were left out.")
            return
        if PETTINGZOO not in self._skip:
            yield from self._run_pettingzoo_tests(playthrough.begins_empty)
        recordings: list[Recording] = []
        if REPEATS not in self._skip:
            yield from check_repeats(self._game, self._options, self._steps, self._seed, recordings)
        if COPIES not in self._skip:
            yield from self._check_copies(scene, recordings)

    def _check_copies(self, scene: SceneDescription, recordings: list[Recording]) -> Iterator[Finding]:
        if not recordings and REPEATS not in self._skip:
            yield Finding(COPIES, Level.NOTE, "Not compared: the scene does not repeat even when it is alone.")
            return
        try:
            alone = recordings or record_alone(self._game, self._options, self._steps, self._seed)
        except GodotMarlError as error:
            yield Finding.of_error(COPIES, error)
            return
        yield from check_copies(self._game, self._options, scene, alone[0], self._steps, self._seed)
        yield from advise(self._game, self._options.scene)

    def _run_pettingzoo_tests(self, begins_empty: bool) -> Iterator[Finding]:
        if begins_empty:
            what = "Not run: PettingZoo's tests want an agent when an episode begins."
            yield Finding(PETTINGZOO, Level.NOTE, what)
            return
        yield from run_pettingzoo_tests(self._game, self._options, min(self._steps, _MOST_CYCLES))


def check_scene(game: Game, *, steps: int = 200, seed: int = 0, skip: Collection[str] = (), **options: Any) -> Report:
    """Check that a scene is a sound environment.

    Args:
        game: A project folder, an exported executable, or a .pck file.
        steps: How many steps of random actions each check plays.
        seed: Seeds episodes and actions.
        skip: The parts to leave out: "pettingzoo" (its own tests), "repeats" (the same seed gives the same episode)
            and "copies" (three copies in one process play as one alone).
        **options: See `godot_marl.options.Options`.

    Returns:
        What was found. A scene that fails while it plays is a fault in it, not an exception.

    Raises:
        InvalidOptionError: An option is unknown, or its value cannot work.
        GodotMarlError: The game could not be started; the type tells why.
    """
    with Suite(game, steps=steps, seed=seed, skip=skip, **options) as suite:
        scene = suite.start()
        name = os.fspath(game) if game is not None else "the game"
        return Report(str(name), scene, list(suite.run()))


def _judge_scene(scene: SceneDescription) -> Iterator[Finding]:
    for warning in scene.warnings:
        where, _, what = warning.partition(": ")
        yield Finding("scene", Level.WARNING, what, where)
    if not scene.debug:
        what = "This is a release build, which crashes on script errors instead of reporting them."
        yield Finding("scene", Level.WARNING, what, "the exported game", "Export it with debug, or use the editor.")
    unbounded = [agent for agent in scene.agents if is_unbounded(agent.observation_space)]
    if unbounded:
        names = ", ".join(agent.name for agent in unbounded[:_MOST_NAMES])
        more = f" and {len(unbounded) - _MOST_NAMES} more" if len(unbounded) > _MOST_NAMES else ""
        yield Finding(
            "scene",
            Level.NOTE,
            f"The observations of {names}{more} have no finite bounds.",
            f"{unbounded[0].path}.get_observation_space()",
            "Nothing has to be done; bounds help trainers that scale observations by them.",
        )


def _require(fits: bool, name: str, expected: str, got: object) -> None:
    if not fits:
        raise InvalidOptionError(
            "An option has a value that cannot work.", where=name, expected=expected, got=repr(got)
        )

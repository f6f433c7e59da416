"""Runs all checks of one scene, in an order in which a fault explains later ones."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from typing import Any

from godot_marl.core.arena import Arena
from godot_marl.errors import GodotMarlError, InvalidOptionError
from godot_marl.game.addon_version import find_mismatch
from godot_marl.options import Game, Options
from godot_marl.protocol.messages import SceneDescription
from godot_marl.protocol.seeds import validate_seed
from godot_marl.testing.copying import CHECK as COPIES
from godot_marl.testing.copying import check_copies
from godot_marl.testing.determinism import CHECK as REPEATS
from godot_marl.testing.determinism import check_repeats, record_first_episode
from godot_marl.testing.pettingzoo_tests import CHECK as PETTINGZOO
from godot_marl.testing.pettingzoo_tests import run_pettingzoo_tests
from godot_marl.testing.random_play import Playthrough
from godot_marl.testing.report import Finding, Level, Report
from godot_marl.testing.space_values import is_unbounded
from godot_marl.testing.speed_advice import advise
from godot_marl.testing.trajectory import Recording

PARTS = (PETTINGZOO, REPEATS, COPIES)
"""The names of the checks that can be skipped."""

_MAX_CYCLES = 100
_MAX_NAMES = 4


class Suite:
    """The checks of one scene.

    Args:
        game: A project folder, an exported executable, or a .pck file.
        steps: Steps of random actions in each check, at least 1.
        seed: Seeds episodes and actions.
        skip: The checks to skip, of `PARTS`.
        **options: See `godot_marl.options.Options`.

    Raises:
        InvalidOptionError: An option is unknown, or its value is invalid.
    """

    def __init__(
        self, game: Game, *, steps: int = 200, seed: int = 0, skip: Collection[str] = (), **options: Any
    ) -> None:
        self._game = game
        self._options = Options.from_kwargs(options)
        _require(game is not None or self._options.command is not None, "game", "a game that Python starts", game)
        _require(steps >= 1, "steps", "at least 1", steps)
        _require(not set(skip) - set(PARTS), "skip", f"some of {', '.join(PARTS)}", skip)
        self._steps = steps
        self._seed = validate_seed(seed, "seed")
        self._skip = skip
        self._arena = Arena(game, self._options)

    def __enter__(self) -> Suite:
        return self

    def __exit__(self, *_: object) -> None:
        self._arena.close()

    def start(self) -> SceneDescription:
        """Start the game, and return the scene's description from the handshake.

        Raises:
            GodotMarlError: The game could not be started; the error's class says why.
        """
        return self._arena.start()

    def run(self) -> Iterator[Finding]:
        """Run the checks, and yield each finding as soon as it is known.

        Raises:
            GodotMarlError: The game could not be started; the error's class says why.
        """
        scene = self.start()
        yield from _check_description(scene, self._game)
        playthrough = Playthrough(self._arena, self._steps, self._seed)
        failed = False
        for finding in playthrough.run():
            failed = failed or (finding.check == "plays" and not finding.passed)
            yield finding
        self._arena.close()
        if failed:
            yield Finding("plays", Level.NOTE, "The other checks were skipped: they need a scene that plays.")
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
            yield Finding(COPIES, Level.NOTE, "Not compared: even a single copy is not deterministic.")
            return
        try:
            single = recordings or record_first_episode(self._game, self._options, self._steps, self._seed)
        except GodotMarlError as error:
            yield Finding.of_error(COPIES, error)
            return
        yield from check_copies(self._game, self._options, scene, single[0], self._steps, self._seed)
        yield from advise(self._game, self._options.scene)

    def _run_pettingzoo_tests(self, begins_empty: bool) -> Iterator[Finding]:
        if begins_empty:
            what = "Not run: PettingZoo's tests need an agent after a reset."
            yield Finding(PETTINGZOO, Level.NOTE, what)
            return
        yield from run_pettingzoo_tests(self._game, self._options, min(self._steps, _MAX_CYCLES))


def check_scene(game: Game, *, steps: int = 200, seed: int = 0, skip: Collection[str] = (), **options: Any) -> Report:
    """Check that a scene works as an environment.

    Args:
        game: A project folder, an exported executable, or a .pck file.
        steps: Steps of random actions in each check, at least 1.
        seed: Seeds episodes and actions.
        skip: The checks to skip: "pettingzoo" (PettingZoo's tests), "repeats" (the same seed gives the same episode)
            and "copies" (three copies in one process each play as a single one).
        **options: See `godot_marl.options.Options`.

    Returns:
        The findings. A scene that fails while it plays is a fault in the report, not an exception.

    Raises:
        InvalidOptionError: An option is unknown, or its value is invalid.
        GodotMarlError: The game could not be started; the error's class says why.
    """
    with Suite(game, steps=steps, seed=seed, skip=skip, **options) as suite:
        scene = suite.start()
        name = os.fspath(game) if game is not None else "the game"
        return Report(str(name), scene, list(suite.run()))


def _check_description(scene: SceneDescription, game: Game) -> Iterator[Finding]:
    mismatch = find_mismatch(scene.addon_version, game)
    if mismatch is not None:
        yield Finding("addon", Level.WARNING, mismatch.what, mismatch.where, mismatch.remedy)
    for warning in scene.warnings:
        where, _, what = warning.partition(": ")
        yield Finding("scene", Level.WARNING, what, where)
    if not scene.debug:
        what = "This is a release build, which crashes on script errors instead of reporting them."
        yield Finding("scene", Level.WARNING, what, "the exported game", "Export it with debug, or use the editor.")
    unbounded = [agent for agent in scene.agents if is_unbounded(agent.observation_space)]
    if unbounded:
        names = ", ".join(agent.name for agent in unbounded[:_MAX_NAMES])
        more = f" and {len(unbounded) - _MAX_NAMES} more" if len(unbounded) > _MAX_NAMES else ""
        yield Finding(
            "scene",
            Level.NOTE,
            f"The observations of {names}{more} have no finite bounds.",
            f"{unbounded[0].path}.get_observation_space()",
            "No change is needed; bounds help trainers that scale observations by them.",
        )


def _require(condition: bool, name: str, expected: str, got: object) -> None:
    if not condition:
        raise InvalidOptionError(
            "An option has a value that cannot work.", where=name, expected=expected, got=repr(got)
        )

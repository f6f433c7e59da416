"""Times a user's own scene in the forms of an environment, with random actions."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from godot_marl.bench.cases import LABELS, Form
from godot_marl.bench.game_forms import time_form
from godot_marl.bench.timing import Measurement, Timing
from godot_marl.core.arena import Arena
from godot_marl.engine import Engine
from godot_marl.errors import GodotMarlError, InvalidOptionError
from godot_marl.options import Options
from godot_marl.protocol.messages import SceneDescription

GAME_FORMS: tuple[Form, ...] = ("parallel", "gymnasium", "vector", "sb3")
_VECTORS = ("vector", "sb3")
_COPIES = (1, 4, 16)
_QUICK_COPIES = (1, 4)


@dataclass(frozen=True)
class GameCase:
    """One thing to measure: a form of an environment with so many arenas.

    Attributes:
        form: One of `GAME_FORMS`; "parallel" is PettingZoo's AEC form where the agents take turns.
        copies: How many arenas a worker has.
        workers: How many workers there are.
        agents: How many agents all arenas have together.
    """

    form: Form
    copies: int
    workers: int
    agents: int

    def to_json(self) -> dict[str, Any]:
        """What the case is, for JSON."""
        return dict(vars(self))

    def __str__(self) -> str:
        text = f"{LABELS[self.form]}, {self.copies} arena{'s' if self.copies > 1 else ''}"
        return text + (f", {self.workers} workers" if self.workers > 1 else "")


@dataclass(frozen=True)
class GameChoice:
    """What a user chose; None for what was left open."""

    forms: Sequence[Form] | None = None
    copies: Sequence[int] | None = None
    workers: Sequence[int] | None = None

    def select_cases(self, scene: SceneDescription, *, quick: bool = False) -> list[GameCase]:
        """Every combination of what was chosen that a form can have.

        Args:
            scene: The scene of the game.
            quick: Measure 1 and 4 arenas if that was left open, else 1, 4 and 16.

        Raises:
            InvalidOptionError: There is none.
        """
        # The agents of a VectorEnv act at once and share a policy.
        fits_vector = not scene.turns and len({agent.policy for agent in scene.agents}) == 1
        forms: Sequence[Form] = self.forms or (("parallel", "vector") if fits_vector else ("parallel",))
        workers, copies = self.workers or (1,), self.copies or (_QUICK_COPIES if quick else _COPIES)
        cases = [
            GameCase(form, count, processes, len(scene.agents) * count * processes)
            for form, processes, count in itertools.product(forms, workers, copies)
            if form in GAME_FORMS and (form in _VECTORS or count == processes == 1)
        ]
        if not cases:
            raise InvalidOptionError(
                "Nothing can be measured of what was chosen.",
                where="--form, --copies and --workers",
                expected=f"forms of {', '.join(GAME_FORMS)}; parallel and gymnasium with 1 copy and 1 worker",
                got=", ".join(forms),
            )
        return cases


class GameBench:
    """Times one scene of a game.

    Args:
        game: The game: a project folder, an exported executable, or a .pck file.
        scene: The scene, or None for the project's main scene.
        engine: The Godot that runs it.
    """

    def __init__(self, game: Path, scene: str | None, engine: Engine) -> None:
        self._game = game
        self._options: dict[str, Any] = {"scene": scene, "engine": engine.path, "seed": 0}
        self._scene: SceneDescription | None = None

    def describe(self) -> SceneDescription:
        """Start the game once, which also imports the project, and return what the scene is.

        Raises:
            GodotMarlError: The game could not be started; the type says why.
        """
        with contextlib.closing(Arena(self._game, Options.from_kwargs(self._options))) as arena:
            self._scene = arena.start()
            return self._scene

    def measure(
        self, cases: Sequence[GameCase], *, seconds: float, rounds: int, begin: Callable[[GameCase], None]
    ) -> list[Measurement[GameCase]]:
        """Measure these cases, after `describe`; in several rounds each case comes once in each.

        Args:
            cases: What to measure.
            seconds: How long each measurement lasts.
            rounds: How often each case is measured.
            begin: Called before each measurement with the case.
        """
        measurements = [Measurement(case) for case in cases]
        for measurement in measurements * rounds:
            if measurement.failure is not None:
                continue
            begin(measurement.case)
            try:
                measurement.rounds.append(self._measure_once(measurement.case, seconds))
            except (GodotMarlError, ImportError, OSError) as error:
                measurement.failure = str(error)
        return measurements

    def _measure_once(self, case: GameCase, seconds: float) -> Timing:
        assert self._scene is not None
        options = self._options
        if case.form in _VECTORS:
            options = {**options, "copies": case.copies, "processes": case.workers}
        return time_form(case.form, self._game, options, self._scene, seconds)

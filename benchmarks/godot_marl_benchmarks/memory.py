"""Samples the memory of Python and of the game in a long run."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil

import godot_marl
from godot_marl.bench.cases import World
from godot_marl.bench.env_forms import vector_options_of
from godot_marl.bench.project import BenchProject
from godot_marl.errors import GameExitedError
from godot_marl_benchmarks.resource_usage import MEBIBYTE

WORLD = World(16)
"""What is stepped: 16 agents of one arena, in the vector form."""

_SAMPLES = 200
# Caches fill in this first part of the run: growth counts from its end.
_SETTLED = 0.1


@dataclass(frozen=True)
class Sample:
    """The resident memory at one moment.

    Attributes:
        steps: How many steps there had been.
        seconds: How long they had taken.
        python: Bytes of this process.
        game: Bytes of the game.
    """

    steps: int
    seconds: float
    python: int
    game: int


@dataclass(frozen=True)
class MemoryCurve:
    """The samples of a long run; the first one was taken before the first step."""

    samples: list[Sample]

    @property
    def settled(self) -> Sample:
        """The sample from which growth counts: a tenth of the run."""
        return self.samples[int(len(self.samples) * _SETTLED)]

    @property
    def python_growth(self) -> float:
        """MiB that Python grew since a tenth of the run."""
        return (self.samples[-1].python - self.settled.python) / MEBIBYTE

    @property
    def game_growth(self) -> float:
        """MiB that the game grew since a tenth of the run."""
        return (self.samples[-1].game - self.settled.game) / MEBIBYTE

    def to_json(self) -> dict[str, Any]:
        """The curve, for JSON."""
        return {
            "world": str(WORLD),
            "python_growth_mib": self.python_growth,
            "game_growth_mib": self.game_growth,
            "samples": [vars(sample) for sample in self.samples],
        }


def watch_memory(project: BenchProject, steps: int, report: Callable[[int], None]) -> MemoryCurve:
    """Step the vector form so often, and sample the resident memory of both processes.

    Args:
        project: The project, with the scene of `WORLD` written.
        steps: How often to step.
        report: Called at each sample with the number of steps so far.

    Raises:
        GodotMarlError: The game failed.
    """
    env = godot_marl.vector_env(project.game_of(WORLD), **vector_options_of(project, WORLD))
    with contextlib.closing(env):
        env.reset(seed=0)
        actions = np.ones(env.num_envs, np.int64)
        here, game = psutil.Process(), find_game(os.fspath(project.folder))
        begin = time.perf_counter()
        samples: list[Sample] = []
        for done in range(steps + 1):
            if done * _SAMPLES >= len(samples) * steps:
                seconds = time.perf_counter() - begin
                samples.append(Sample(done, seconds, here.memory_info().rss, game.memory_info().rss))
                report(done)
            if done < steps:
                env.step(actions)
    return MemoryCurve(samples)


def find_game(word: str) -> psutil.Process:
    """The game with `word` in its command line, among all processes below this one: a supervisor starts it.

    Raises:
        GameExitedError: There is none.
    """
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            # An engine may be a script that starts the actual program as a child.
            if word in process.cmdline() and not process.children():
                return process
    raise GameExitedError("The game whose memory is watched does not run.", where=word)

"""What a soak steps: three forms of an environment, each with what only it has."""

from __future__ import annotations

import contextlib
import time
from abc import ABC, abstractmethod
from collections import Counter, deque
from typing import Any

import numpy as np
import psutil

import godot_marl
from godot_marl.bench.cases import World
from godot_marl.bench.forms import options_of, vector_options_of
from godot_marl.bench.project import BenchProject
from godot_marl.envs import cartpole_v0

CARTS_WORLD = World(8, "arenas", workers=2)
_FLOCK = "flock.tscn"
_FLOCK_STEPS = 300
# After so many steps all arenas are reset at once.
_CARTS_STEPS = 2000
# So many step times are kept: memory must not depend on how long a form has run.
_KEPT = 1000


class SoakForm(ABC):
    """One environment that is made, stepped, reset, closed, and made again.

    Args:
        project: The project, with the scene of `CARTS_WORLD` written.
        counts: Where to count what happens.

    Attributes:
        name: What to call it.
        times: The latest times of a step, in seconds.
    """

    name: str

    def __init__(self, project: BenchProject, counts: Counter[str]) -> None:
        self.times: deque[float] = deque(maxlen=_KEPT)
        self.project = project
        self.counts = counts
        self.rng = np.random.default_rng(0)
        self.env: Any = None

    def make(self) -> None:
        """Make the environment, and begin an episode.

        Raises:
            GodotMarlError: The game failed.
        """
        self.env = self._make()
        self.reset()

    def close(self) -> None:
        """Close the environment, if there is one."""
        if self.env is not None:
            self.env.close()
            self.env = None

    def reset(self) -> None:
        """Begin an episode with a seed of its own."""
        self.counts["resets"] += 1
        self._reset(int(self.rng.integers(2**31)))

    def step_for(self, seconds: float) -> None:
        """Step for so long.

        Raises:
            GodotMarlError: The game failed.
        """
        end = time.perf_counter() + seconds
        while (begin := time.perf_counter()) < end:
            self.step()
            self.times.append(time.perf_counter() - begin)
            self.counts["steps"] += 1

    @abstractmethod
    def _make(self) -> Any: ...

    @abstractmethod
    def _reset(self, seed: int) -> None: ...

    @abstractmethod
    def step(self) -> None:
        """Step once, with random actions; reset what is over."""


class Birds(SoakForm):
    """`parallel_env` of a scene in which agents are born and die, with options at each reset."""

    name = "parallel"

    def _make(self) -> Any:
        options = {**options_of(self.project, CARTS_WORLD), "scene": _FLOCK, "max_episode_steps": _FLOCK_STEPS}
        return godot_marl.parallel_env(self.project.folder, **options)

    def _reset(self, seed: int) -> None:
        self.env.reset(seed=seed, options={"chance": float(self.rng.uniform(0.02, 0.2))})

    def step(self) -> None:
        """Let all birds act; begin again when none is left."""
        there = set(self.env.agents)
        _, _, terminations, _, _ = self.env.step({bird: int(self.rng.integers(2)) for bird in there})
        self.counts["births"] += len(terminations.keys() - there)
        self.counts["deaths"] += sum(terminations.values())
        if not self.env.agents:
            self.reset()


class Carts(SoakForm):
    """`vector_env` of arenas that reset by themselves, and of workers that are killed."""

    name = "vector"
    _is_hurt = False

    def _make(self) -> Any:
        options = vector_options_of(self.project, CARTS_WORLD)
        self._is_hurt = False
        return godot_marl.vector_env(self.project.folder, restart_workers=True, **options)

    def _reset(self, seed: int) -> None:
        self.env.reset(seed=seed)
        if self._is_hurt:
            # A worker that is lost in a reset is replaced without a word.
            self._note_replaced()

    def step(self) -> None:
        """Let all carts act; a worker that was killed is replaced meanwhile."""
        if self.rng.random() < 1 / _CARTS_STEPS:
            self.reset()
        *_, infos = self.env.step(self.rng.integers(2, size=self.env.num_envs))
        self.counts["resets"] += int(np.count_nonzero(infos.get("_seed", 0)))
        if "worker_restarted" in infos:
            self._note_replaced()

    def kill_a_worker(self) -> None:
        """End one of its games as a crash would; a later step finds out."""
        if self._is_hurt:
            return
        assert CARTS_WORLD.scene is not None
        games = find_games(CARTS_WORLD.scene)
        if games:
            self._is_hurt = True
            self.counts["kills"] += 1
            with contextlib.suppress(psutil.NoSuchProcess):
                games[int(self.rng.integers(len(games)))].kill()

    def _note_replaced(self) -> None:
        self._is_hurt = False
        self.counts["replaced"] += 1


class Poles(SoakForm):
    """`cartpole_v0`: rigid bodies, and a time limit that is Python's."""

    name = "cartpole"

    def _make(self) -> Any:
        return cartpole_v0.parallel_env(engine=self.project.engine.path)

    def _reset(self, seed: int) -> None:
        self.env.reset(seed=seed)

    def step(self) -> None:
        """Push at random; begin again when the pole has fallen."""
        self.env.step({agent: int(self.rng.integers(2)) for agent in self.env.agents})
        if not self.env.agents:
            self.reset()


def find_games(scene: str) -> list[psutil.Process]:
    """The games of this scene that this process runs, without what started them."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if any(scene in part for part in process.cmdline()) and not process.children():
                found.append(process)
    return found

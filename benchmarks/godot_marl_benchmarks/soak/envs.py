"""The environments that a soak steps: three forms, each with a scene of its own kind."""

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
from godot_marl.bench.env_forms import options_of, vector_options_of
from godot_marl.bench.project import BenchProject
from godot_marl.envs import cartpole_v0

CARTS_WORLD = World(8, "arenas", workers=2)
_FLOCK = "flock.tscn"
_FLOCK_STEPS = 300
# All arenas are reset at once after so many steps on average.
_CARTS_STEPS = 2000
# A bound on the step times that are kept, as memory must not grow with the time that a form has run.
_KEPT_TIMES = 1000


class SoakForm(ABC):
    """One environment that is made, stepped, reset, closed, and made again.

    Args:
        project: The project, with the scene of `CARTS_WORLD` written.
        counts: Counts steps, resets and other events, by name.

    Attributes:
        name: Its name in tables and files.
        times: The latest times of a step, in seconds.
    """

    name: str

    def __init__(self, project: BenchProject, counts: Counter[str]) -> None:
        self.times: deque[float] = deque(maxlen=_KEPT_TIMES)
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
        """Step once with random actions; reset when the episode is over."""


class Birds(SoakForm):
    """`parallel_env` of a scene in which agents come and leave, with options at each reset."""

    name = "parallel"

    def _make(self) -> Any:
        options = {**options_of(self.project, CARTS_WORLD), "scene": _FLOCK, "max_episode_steps": _FLOCK_STEPS}
        return godot_marl.parallel_env(self.project.folder, **options)

    def _reset(self, seed: int) -> None:
        self.env.reset(seed=seed, options={"chance": float(self.rng.uniform(0.02, 0.2))})

    def step(self) -> None:
        """Let all birds act; begin an episode when none is left."""
        acting = set(self.env.agents)
        _, _, terminations, _, _ = self.env.step({bird: int(self.rng.integers(2)) for bird in acting})
        self.counts["births"] += len(terminations.keys() - acting)
        self.counts["deaths"] += sum(terminations.values())
        if not self.env.agents:
            self.reset()


class Carts(SoakForm):
    """`vector_env` of arenas with autoreset, whose workers are killed."""

    name = "vector"
    _has_lost_worker = False

    def _make(self) -> Any:
        options = vector_options_of(self.project, CARTS_WORLD)
        self._has_lost_worker = False
        return godot_marl.vector_env(self.project.folder, restart_workers=True, **options)

    def _reset(self, seed: int) -> None:
        self.env.reset(seed=seed)
        if self._has_lost_worker:
            # The infos of a reset do not report a restart.
            self._count_restart()

    def step(self) -> None:
        """Let all carts act; a killed worker is restarted within the step."""
        if self.rng.random() < 1 / _CARTS_STEPS:
            self.reset()
        *_, infos = self.env.step(self.rng.integers(2, size=self.env.num_envs))
        self.counts["resets"] += int(np.count_nonzero(infos.get("_seed", 0)))
        if "worker_restarted" in infos:
            self._count_restart()

    def kill_worker(self) -> None:
        """Kill one of its games, as a crash would; a later step restarts the worker."""
        if self._has_lost_worker:
            return
        assert CARTS_WORLD.scene is not None
        games = find_games(CARTS_WORLD.scene)
        if games:
            self._has_lost_worker = True
            self.counts["kills"] += 1
            with contextlib.suppress(psutil.NoSuchProcess):
                games[int(self.rng.integers(len(games)))].kill()

    def _count_restart(self) -> None:
        self._has_lost_worker = False
        self.counts["restarted workers"] += 1


class Poles(SoakForm):
    """`cartpole_v0`: rigid bodies, and a time limit of Python."""

    name = "cartpole"

    def _make(self) -> Any:
        return cartpole_v0.parallel_env(engine=self.project.engine.path)

    def _reset(self, seed: int) -> None:
        self.env.reset(seed=seed)

    def step(self) -> None:
        """Push at random; begin an episode when the pole has fallen."""
        self.env.step({agent: int(self.rng.integers(2)) for agent in self.env.agents})
        if not self.env.agents:
            self.reset()


def find_games(scene: str) -> list[psutil.Process]:
    """The games of this scene below this process, without their supervisors."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if any(scene in part for part in process.cmdline()) and not process.children():
                found.append(process)
    return found

"""Steps the same scene through Godot RL Agents: the user gives its addon and installs its Python package."""

from __future__ import annotations

import contextlib
import importlib
import io
import shutil
import socket
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from godot_marl.bench.cases import RIVALS, Case, World
from godot_marl.bench.project import BenchProject, set_root_properties
from godot_marl.bench.timing import Timing, time_steps
from godot_marl.errors import GameError, GameNotFoundError, MissingDependencyError
from godot_marl.game.process import GameProcess
from godot_marl_benchmarks.godot_rl import scripts

_ADDON = Path("addons") / "godot_rl_agents"


class Rival:
    """Godot RL Agents, as the user installed it.

    Args:
        addon: Its folder `addons/godot_rl_agents`, or the folder of a project that has it.

    Raises:
        GameNotFoundError: The addon is not there.
        MissingDependencyError: Its Python package is not installed.
    """

    def __init__(self, addon: Path) -> None:
        self._addon = addon if (addon / "sync.gd").is_file() else addon / _ADDON
        if not (self._addon / "sync.gd").is_file():
            raise GameNotFoundError(
                "The addon of Godot RL Agents is not here.",
                where=str(addon),
                expected="its folder addons/godot_rl_agents, or a project that has it",
                got="no sync.gd",
                remedy="Give the path of a copy of https://github.com/edbeeching/godot_rl_agents_plugin.",
            )
        try:
            importlib.import_module("godot_rl.wrappers.sbg_single_obs_wrapper")
        except ImportError as error:
            raise MissingDependencyError(
                "The Python package of Godot RL Agents is not installed.",
                where=f"the Python package {error.name}",
                expected="the package godot-rl beside its addon",
                got=str(error),
                remedy="pip install godot-rl, in an environment that can have the versions that it needs.",
            ) from error

    def write_scenes(self, project: BenchProject, cases: Iterable[Case], *, falls: bool = False) -> None:
        """Copy the addon into the project, and write the scenes of the rival's cases.

        Args:
            project: The project to write into, before it is imported.
            cases: What will be measured.
            falls: Whether an episode ends when the pole falls.
        """
        target = project.folder / _ADDON
        if not target.exists():
            shutil.copytree(self._addon, target)
            (project.folder / "rival_controller.gd").write_text(scripts.CONTROLLER, encoding="utf-8")
            (project.folder / "rival_carts.gd").write_text(scripts.CARTS, encoding="utf-8")
        for world in {case.world for case in cases if case.form in RIVALS}:
            properties = [
                f"agents = {world.agents}",
                f"numbers = {world.numbers}",
                f"pictures = {str(world.observation == 'image').lower()}",
                f"falls = {str(falls).lower()}",
            ]
            (project.folder / _scene_of(world)).write_text(
                set_root_properties(scripts.SCENE, properties), encoding="utf-8"
            )

    def measure(self, project: BenchProject, case: Case, seconds: float) -> Timing:
        """Start a game, step it through the rival for so long, and end it.

        Args:
            project: The project, with the rival's scenes written.
            case: One of the rival's forms.
            seconds: How long to measure.

        Raises:
            GameError: It failed for any reason.
        """
        try:
            return self._measure(project, case, seconds)
        except Exception as error:  # its versions raise different errors, and none may end the run
            raise GameError(
                "Godot RL Agents failed.", where=str(case), got=f"{type(error).__name__}: {error}"
            ) from error

    def _measure(self, project: BenchProject, case: Case, seconds: float) -> Timing:
        world = case.world
        if case.form == "rival":
            with self._game(project, world) as port, _closing(lambda: _environment()(port=port, seed=0)) as env:
                env.reset()
                # It expects one array for each part of an action.
                actions = [np.ones(world.agents, np.int64)]
                return time_steps(lambda: env.step(actions) and world.agents, seconds)
        with self.vec_env(project, world) as env:
            env.reset()
            action = np.ones(world.agents, np.int64)
            return time_steps(lambda: env.step(action) and world.agents, seconds)

    @contextlib.contextmanager
    def vec_env(self, project: BenchProject, world: World) -> Iterator[Any]:
        """Its environment for stable-baselines3, with observations that are arrays; the context ends the game."""
        from godot_rl.wrappers import sbg_single_obs_wrapper, stable_baselines_wrapper

        key = "camera_2d" if world.observation == "image" else "obs"
        with (
            self._game(project, world) as port,
            _replaced(stable_baselines_wrapper, "GodotEnv", _environment()),
            _closing(lambda: sbg_single_obs_wrapper.SBGSingleObsEnv(obs_key=key, port=port)) as env,
        ):
            yield env

    @contextlib.contextmanager
    def _game(self, project: BenchProject, world: World) -> Iterator[int]:
        """Start the game, and return the port that it connects to a second later, when its addon has waited."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [str(project.engine.path), "--headless", "--disable-render-loop", "--fixed-fps", "60"]
        command += ["--path", str(project.folder), "--scene", f"res://{_scene_of(world)}", f"--port={port}"]
        game = GameProcess(command)
        try:
            yield port
        finally:
            game.close(2.0)


def _scene_of(world: World) -> str:
    return f"rival_{world.agents}_{world.observation}.tscn"


@contextlib.contextmanager
def _closing(make: Callable[[], Any]) -> Iterator[Any]:
    """Make one of its environments and close it at the end; its output is dropped."""
    silence = io.StringIO()
    with contextlib.redirect_stdout(silence):
        env = make()
    try:
        yield env
    finally:
        with contextlib.redirect_stdout(silence), contextlib.suppress(OSError):
            env.close()


@contextlib.contextmanager
def _replaced(module: Any, name: str, value: object) -> Iterator[None]:
    """Give a name in a module another value within the context."""
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


class _EndingSocket(socket.socket):
    """A socket whose end is an error: the rival's environment would read a closed one for ever."""

    def recv(self, size: int, flags: int = 0) -> bytes:
        data = super().recv(size, flags)
        if not data:
            raise ConnectionError("the game of Godot RL Agents ended")
        return data


def _environment() -> type[Any]:
    """Its environment, with a deadline on every wait."""
    from godot_rl.core import godot_env

    class Environment(godot_env.GodotEnv):
        def _start_server(self) -> socket.socket:
            accepted = super()._start_server()
            connection = _EndingSocket(fileno=accepted.detach())
            connection.settimeout(self.DEFAULT_TIMEOUT)
            return connection

    return Environment

"""Steps any scene in each form of an environment, with random actions; the time of drawing them does not count."""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import gymnasium
import numpy as np
from gymnasium.vector.utils import concatenate, create_empty_array

import godot_marl
from godot_marl.bench.cases import Form
from godot_marl.bench.timing import Timing, time_chosen_steps
from godot_marl.protocol.messages import SceneDescription
from godot_marl.testing.trajectory import RandomPlayer

Array: TypeAlias = "np.ndarray[Any, Any]"

# So many actions of an agent without a mask are drawn beforehand, and repeated.
_DRAWN = 16


class RandomActions:
    """Random actions of the agents of a scene.

    Args:
        scene: The scene.
    """

    def __init__(self, scene: SceneDescription) -> None:
        self._agents = scene.agents
        self._slots = {agent.name: slot for slot, agent in enumerate(scene.agents)}
        self._player = RandomPlayer(scene)
        self._count = 0
        self._drawn = [
            itertools.cycle([self._draw(slot) for _ in range(0 if agent.action_mask else _DRAWN)])
            for slot, agent in enumerate(scene.agents)
        ]

    def of_agent(self, name: str, mask: Array | None) -> Any:
        """An action of an agent that its mask allows."""
        slot = self._slots[name]
        return next(self._drawn[slot]) if mask is None else self._draw(slot, mask)

    def choose_rows(self, rows: int, masks: Callable[[], Sequence[Array]]) -> Callable[[], Any]:
        """A function that returns a batch of actions for so many rows.

        Args:
            rows: The slots of one arena, then those of the next one, and so on.
            masks: Returns the mask of each row, if the agents have masks.
        """
        if self._agents[0].action_mask:
            return lambda: self._batch([self._draw(self._slot_of(row), mask) for row, mask in enumerate(masks())])
        drawn = [self._batch([self._draw(self._slot_of(row)) for row in range(rows)]) for _ in range(_DRAWN)]
        return functools.partial(next, itertools.cycle(drawn))

    def _slot_of(self, row: int) -> int:
        return row % len(self._agents)

    def _draw(self, slot: int, mask: Array | None = None) -> Any:
        self._count += 1
        return self._player.act(0, self._count, slot, mask)

    def _batch(self, actions: Sequence[Any]) -> Any:
        space = self._agents[0].action_space
        batch = create_empty_array(space, len(actions))
        assert batch is not None
        return concatenate(space, actions, batch)


def time_form(form: Form, game: Path, options: Mapping[str, Any], scene: SceneDescription, seconds: float) -> Timing:
    """Start a game, step it for so long, and end it.

    Args:
        form: "parallel", which is the AEC form where the agents take turns, "gymnasium", "vector" or "sb3".
        game: The game.
        options: The options of the environment.
        scene: The scene of the game.
        seconds: How long to measure.

    Raises:
        GodotMarlError: The game failed, or its scene cannot be played in this form.
        ImportError: The form needs a package that is not installed.
    """
    actions = RandomActions(scene)
    if form == "parallel":
        time_env = _time_aec if scene.turns else _time_parallel
    else:
        time_env = {"gymnasium": _time_gymnasium, "vector": _time_vector, "sb3": _time_sb3}[form]
    return time_env(game, options, actions, seconds)


def _time_parallel(game: Path, options: Mapping[str, Any], actions: RandomActions, seconds: float) -> Timing:
    env = godot_marl.parallel_env(game, **options)
    with contextlib.closing(env):
        _, infos = env.reset(seed=0)

        def choose() -> dict[str, Any]:
            return {name: actions.of_agent(name, infos[name].get("action_mask")) for name in env.agents}

        def step(chosen: dict[str, Any]) -> int:
            nonlocal infos
            *_, infos = env.step(chosen)
            if not env.agents:
                _, infos = env.reset()
            return len(chosen)

        return time_chosen_steps(choose, step, seconds)


def _time_aec(game: Path, options: Mapping[str, Any], actions: RandomActions, seconds: float) -> Timing:
    env = godot_marl.raw_env(game, **options)
    with contextlib.closing(env):
        env.reset(seed=0)

        def choose() -> Any:
            agent = env.agent_selection
            return actions.of_agent(agent, env.infos[agent].get("action_mask"))

        def step(action: Any) -> int:
            env.step(action)
            # An agent that has ended takes no action: it only leaves.
            while env.agents and (env.terminations[env.agent_selection] or env.truncations[env.agent_selection]):
                env.step(None)
            if not env.agents:
                env.reset()
            return 1

        return time_chosen_steps(choose, step, seconds)


def _time_gymnasium(game: Path, options: Mapping[str, Any], actions: RandomActions, seconds: float) -> Timing:
    env = gymnasium.make(godot_marl.gym.ENV_ID, game=game, **options)
    with contextlib.closing(env):
        _, info = env.reset(seed=0)
        name = env.get_wrapper_attr("agent")

        def choose() -> Any:
            return actions.of_agent(name, info.get("action_mask"))

        def step(action: Any) -> int:
            nonlocal info
            _, _, terminated, truncated, info = env.step(action)
            if terminated or truncated:
                _, info = env.reset()
            return 1

        return time_chosen_steps(choose, step, seconds)


def _time_vector(game: Path, options: Mapping[str, Any], actions: RandomActions, seconds: float) -> Timing:
    env = godot_marl.vector_env(game, **options)
    with contextlib.closing(env):
        _, infos = env.reset(seed=0)

        def step(batch: Any) -> int:
            nonlocal infos
            *_, infos = env.step(batch)
            return int(np.count_nonzero(infos["active"]))

        choose = actions.choose_rows(env.num_envs, lambda: infos["action_mask"])
        return time_chosen_steps(choose, step, seconds)


def _time_sb3(game: Path, options: Mapping[str, Any], actions: RandomActions, seconds: float) -> Timing:
    from godot_marl.sb3 import vec_env

    env = vec_env(game, dead_rows="pad", **options)
    with contextlib.closing(env):
        env.reset()

        def step(batch: Any) -> int:
            _, _, _, infos = env.step(batch)
            return sum(info.get("active", True) for info in infos)

        choose = actions.choose_rows(env.num_envs, lambda: env.env_method("action_masks"))
        return time_chosen_steps(choose, step, seconds)

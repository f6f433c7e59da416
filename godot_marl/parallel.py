"""The scene as a PettingZoo ParallelEnv."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv

from godot_marl import errors
from godot_marl.actions import check_names
from godot_marl.arena import Arena
from godot_marl.calls import check_seed
from godot_marl.options import RENDER_MODES, Game, Options
from godot_marl.outcomes import Infos
from godot_marl.protocol import SceneDescription


def metadata_of(game: Game) -> dict[str, Any]:
    """PettingZoo's metadata; `render_fps` is known once the game has started."""
    return {
        "name": Path(os.fspath(game)).stem if game is not None else "godot",
        "render_modes": list(RENDER_MODES),
        "render_fps": 60.0,
        "is_parallelizable": True,
    }


class GodotParallelEnv(ParallelEnv[str, Any, Any]):
    """One arena of a Godot scene, all agents stepped at once.

    The game starts when it is first needed: by `possible_agents`, a space, or `reset`. Pickling carries the options and
    what the handshake said, never the game; the copy starts its own.

    Args:
        game: A project folder, an exported executable, or a .pck file. None waits for a game that the user starts.
        options: What `godot_marl.options.Options` lists.

    Attributes:
        render_mode: None, "human" or "rgb_array".
    """

    def __init__(self, game: Game = None, **options: Any) -> None:
        self._take(Arena(game, Options.of(options)), metadata_of(game))

    @classmethod
    def of_arena(cls, arena: Arena, metadata: dict[str, Any]) -> GodotParallelEnv:
        """The environment of an arena that may already have been started."""
        env = cls.__new__(cls)
        env._take(arena, metadata)
        return env

    def _take(self, arena: Arena, metadata: dict[str, Any]) -> None:
        self._arena = arena
        self.render_mode = arena.options.render_mode
        self.metadata = metadata

    def start(self) -> SceneDescription:
        """Start the game if it does not run, and return what the handshake said.

        Raises:
            ClosedEnvironmentError: The environment was closed.
            SceneError: The scene's agents take turns, which a ParallelEnv cannot show.
            GodotMarlError: The game could not be started; the type tells why.
        """
        scene = self._arena.start()
        if scene.turns:
            self.close()
            raise errors.SceneError(
                "The agents of this scene take turns, and all agents of a ParallelEnv act at once.",
                where=", ".join(agent.name for agent in scene.agents),
                expected="a scene whose agents have no is_turn()",
                got="agents with is_turn()",
                remedy="Use godot_marl.env(game, ...), PettingZoo's AEC form.",
            )
        self.metadata["render_fps"] = self._arena.render_fps
        return scene

    def _started(self) -> Arena:
        """The arena, once what the scene is has become known."""
        if self._arena.is_unknown:
            self.start()
        return self._arena

    @property
    def agents(self) -> list[str]:
        """The agents whose episode goes on, in the order of `possible_agents`."""
        return list(self._arena.live)

    @property
    def possible_agents(self) -> list[str]:
        """The names of all agents that can ever be there, in tree order."""
        return self._started().names

    @property
    def policies(self) -> dict[str, str]:
        """Which policy each agent shares, by agent name."""
        return self._started().policies

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """The space of an agent's observations; the same object at each call."""
        return self._started().observation_space(agent)

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """The space of an agent's actions; the same object at each call."""
        return self._started().action_space(agent)

    @property
    def state_space(self) -> spaces.Space[Any]:
        """The space of `state`. Raises AttributeError for a scene without one, as PettingZoo expects."""
        return self._started().state_space

    def state(self) -> Any:
        """The state of the whole arena at the last reset or step.

        Raises:
            ResetNeededError: There was no reset yet.
            SceneError: The scene's root has no get_state().
            InvalidObservationError: The state holds NaN, or an integer that its space does not have.
        """
        return self._arena.state()

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict[str, Any], Infos]:
        """Begin an episode.

        Args:
            seed: 0 to 2**63 - 1. The scene gets it, and each agent its own one made of it. None: one is drawn.
            options: What the scene's `set_options` gets.

        Returns:
            Observations and infos by agent. Each info holds the `seed` that the scene got.

        Raises:
            InvalidOptionError: The seed is out of range, or the scene rejects an option.
            GodotMarlError: The game failed; `reset` starts it again.
        """
        check_seed(seed)
        self.start()
        outcome = self._arena.reset(seed, options)
        return outcome.observations, outcome.infos

    def step(
        self, actions: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, float], dict[str, bool], dict[str, bool], Infos]:
        """Let every live agent act, and the game go on by `step_length` physics frames.

        Args:
            actions: One for each live agent; those of finished agents are ignored.

        Returns:
            Observations, rewards, terminations, truncations and infos of the agents that were live, and of those that
            joined in this step. All are empty when no agent was live.

        Raises:
            ClosedEnvironmentError, ResetNeededError: There is no episode.
            InvalidActionError: An action is missing, belongs to no agent, or is outside its space.
            InvalidObservationError: The scene answered something that is not in its space.
            GodotMarlError: The game failed; `reset` starts it again.
        """
        arena = self._arena
        arena.check_reset("step")
        if not arena.live:
            return {}, {}, {}, {}, {}
        check_names(actions, arena.live, arena.names)
        outcome = arena.step({name: actions[name] for name in arena.live})
        return outcome.observations, outcome.rewards, outcome.terminations, outcome.truncations, outcome.infos

    def render(self) -> np.ndarray[Any, Any] | None:
        """The current frame.

        Returns:
            Uint8 of shape (height, width, 3) for render_mode "rgb_array"; None for "human", which shows itself, and
            (with a warning) for None. With `render_path` the frame is saved there, too.

        Raises:
            ResetNeededError: There was no reset yet.
        """
        return self._arena.render()

    def close(self) -> None:
        """End the game. Safe to call twice."""
        self._arena.close()


def parallel_env(game: Game = None, **options: Any) -> GodotParallelEnv:
    """Make a PettingZoo ParallelEnv of a Godot scene.

    Args:
        game: A project folder, an exported executable, or a .pck file. None waits for a game that the user starts.
        **options: See `godot_marl.options.Options`.

    Raises:
        InvalidOptionError: An option is unknown, or its value cannot work.
    """
    return GodotParallelEnv(game, **options)

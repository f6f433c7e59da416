"""The scene as a PettingZoo ParallelEnv."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv

from godot_marl import errors
from godot_marl.core.action_validation import validate_names
from godot_marl.core.arena import Arena
from godot_marl.core.episode import Infos
from godot_marl.options import RENDER_MODES, Game, Options
from godot_marl.protocol.messages import SceneDescription
from godot_marl.protocol.seeds import validate_optional_seed


def metadata_of(game: Game) -> dict[str, Any]:
    """PettingZoo's metadata; `render_fps` is known once the game has started."""
    return {
        "name": Path(os.fspath(game)).stem if game is not None else "godot",
        "render_modes": list(RENDER_MODES),
        "render_fps": 60.0,
        "is_parallelizable": True,
    }


class GodotParallelEnv(ParallelEnv[str, Any, Any]):
    """One arena of a Godot scene; all agents step at once.

    The game starts when it is first needed: by `possible_agents`, a space, or `reset`. Pickling carries the options and
    the handshake, never the process; a copy starts its own.

    Args:
        game: A project folder, an exported executable, or a .pck file. None waits for a game that the user starts.
        options: See `godot_marl.options.Options`.

    Attributes:
        render_mode: None, "human" or "rgb_array".
    """

    def __init__(self, game: Game = None, **options: Any) -> None:
        self._set_arena(Arena(game, Options.from_kwargs(options)), metadata_of(game))

    @classmethod
    def of_arena(cls, arena: Arena, metadata: dict[str, Any]) -> GodotParallelEnv:
        """The environment of an arena that may already have been started."""
        env = cls.__new__(cls)
        env._set_arena(arena, metadata)
        return env

    def _set_arena(self, arena: Arena, metadata: dict[str, Any]) -> None:
        self._arena = arena
        self.render_mode = arena.options.render_mode
        self.metadata = metadata

    def start(self) -> SceneDescription:
        """Start the game if it is not running, and return the scene's description from the handshake.

        Raises:
            ClosedEnvironmentError: The environment was closed.
            SceneError: The scene's agents take turns, which a ParallelEnv cannot represent.
            GodotMarlError: The game could not be started; the type says why.
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
        """The arena, after the first handshake."""
        if self._arena.is_unknown:
            self.start()
        return self._arena

    @property
    def agents(self) -> list[str]:
        """The agents whose episode goes on, in the order of `possible_agents`."""
        return list(self._arena.live)

    @property
    def possible_agents(self) -> list[str]:
        """The names of all possible agents, in tree order."""
        return self._started().names

    @property
    def policies(self) -> dict[str, str]:
        """The policy of each agent, by agent name."""
        return self._started().policies

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """The observation space of an agent; the same object at each call."""
        return self._started().observation_space(agent)

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """The action space of an agent; the same object at each call."""
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
            InvalidObservationError: The state holds NaN, or an integer outside its space.
        """
        return self._arena.state()

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict[str, Any], Infos]:
        """Begin an episode.

        Args:
            seed: 0 to 2**63 - 1. The scene receives it, and each agent a seed derived from it. None draws one.
            options: Passed to the scene's `set_options`.

        Returns:
            Observations and infos by agent. Each info holds the `seed` that the scene received.

        Raises:
            InvalidOptionError: The seed is out of range, or the scene rejects an option.
            GodotMarlError: The game failed; `reset` starts a new one.
        """
        # Before the game starts.
        seed = validate_optional_seed(seed, "reset(seed=...)")
        self.start()
        outcome = self._arena.reset(seed, options)
        return outcome.observations, outcome.infos

    def step(
        self, actions: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, float], dict[str, bool], dict[str, bool], Infos]:
        """Apply the actions of all live agents, and advance the game by `step_length` physics frames.

        Args:
            actions: One for each live agent; those of finished agents are ignored.

        Returns:
            Observations, rewards, terminations, truncations and infos of the agents that were live, and of those that
            joined in this step. All are empty when no agent was live.

        Raises:
            ClosedEnvironmentError, ResetNeededError: There is no episode.
            InvalidActionError: An action is missing, names an unknown agent, or is outside its space.
            InvalidObservationError: The scene returned a value outside its space.
            GodotMarlError: The game failed; `reset` starts a new one.
        """
        arena = self._arena
        arena.check_reset("step")
        if not arena.live:
            return {}, {}, {}, {}, {}
        validate_names(actions, arena.live, arena.names)
        outcome = arena.step({name: actions[name] for name in arena.live})
        return outcome.observations, outcome.rewards, outcome.terminations, outcome.truncations, outcome.infos

    def render(self) -> np.ndarray[Any, Any] | None:
        """Render the arena.

        Returns:
            Uint8 of shape (height, width, 3) for render_mode "rgb_array"; None for "human", which has a window of its
            own, and (with a warning) for None. With `render_path` the image is saved there as well.

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

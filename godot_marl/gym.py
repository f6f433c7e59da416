"""A scene with one agent as a Gymnasium environment."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from godot_marl import errors
from godot_marl.options import RENDER_MODES, Game
from godot_marl.parallel import GodotParallelEnv
from godot_marl.protocol.seeds import validate_optional_seed

ENV_ID = "godot_marl/Godot-v0"


class GodotEnv(gymnasium.Env[Any, Any]):
    """The only agent of a Godot scene as a Gymnasium environment.

    The game starts when a space is first read, or by `reset`.

    Args:
        game: A project folder, an exported executable, or a .pck file. None waits for a game that the user starts.
        options: See `godot_marl.options.Options`.

    Raises:
        InvalidOptionError: An option is unknown, or its value cannot work.
    """

    metadata = {"render_modes": list(RENDER_MODES), "render_fps": 60.0}  # noqa: RUF012 - Gymnasium's own form

    def __init__(self, game: Game = None, **options: Any) -> None:
        self._parallel = GodotParallelEnv(game, **options)
        # The same dictionary, since render_fps is only known once the game has started.
        self.metadata = self._parallel.metadata
        self.render_mode = self._parallel.render_mode

    @property
    def agent(self) -> str:
        """The agent's name.

        Raises:
            SeveralAgentsError: The scene has several agents.
        """
        names = self._parallel.possible_agents
        if len(names) > 1:
            self._parallel.close()
            raise errors.SeveralAgentsError(
                "A Gymnasium environment has one agent, and this scene has several.",
                where=", ".join(names),
                expected="1 agent",
                got=f"{len(names)} agents",
                remedy="Use godot_marl.parallel_env or godot_marl.env.",
            )
        return names[0]

    # Gymnasium declares both spaces as attributes; as properties they start the game lazily.
    @property
    def observation_space(self) -> spaces.Space[Any]:  # type: ignore[override]
        """The space of observations."""
        return self._parallel.observation_space(self.agent)

    @property
    def action_space(self) -> spaces.Space[Any]:  # type: ignore[override]
        """The space of actions."""
        return self._parallel.action_space(self.agent)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; see `GodotParallelEnv.reset`."""
        # Gymnasium refuses NumPy's integers.
        seed = validate_optional_seed(seed, "reset(seed=...)")
        super().reset(seed=seed)
        agent = self.agent
        observations, infos = self._parallel.reset(seed=seed, options=options)
        if agent not in observations:
            raise errors.SceneError(
                "The agent is missing after the reset.",
                where=agent,
                expected="an observation of the agent",
                got="none",
            )
        return observations[agent], infos[agent]

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Apply the agent's action; see `GodotParallelEnv.step`.

        Raises:
            ResetNeededError: There was no reset, or the episode is over.
        """
        agent = self._parallel.agents[0] if self._parallel.agents else self.agent
        observations, rewards, terminations, truncations, infos = self._parallel.step({agent: action})
        if not observations:
            raise errors.ResetNeededError(
                "step() was called after the end of the episode.",
                where="step()",
                expected="a call of reset() first",
                got="none",
                remedy="Call reset() when terminated or truncated is True.",
            )
        return observations[agent], rewards[agent], terminations[agent], truncations[agent], infos[agent]

    def render(self) -> np.ndarray[Any, Any] | None:
        """Render the arena; see `GodotParallelEnv.render`."""
        return self._parallel.render()

    def close(self) -> None:
        """End the game. Safe to call twice."""
        self._parallel.close()

"""A scene whose agents take turns as a PettingZoo AECEnv."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from pettingzoo import AECEnv

from godot_marl.arena import Arena
from godot_marl.outcomes import Outcome


class GodotTurnEnv(AECEnv[str, Any, Any]):
    """One arena whose agents have `is_turn()`: the scene's rules say who acts next.

    Only the action of the agent whose turn it is is sent. All live agents are asked for an observation after each step,
    and their rewards are gathered until they act.

    Args:
        arena: An arena that was started.
        metadata: PettingZoo's metadata.
    """

    def __init__(self, arena: Arena, metadata: dict[str, Any]) -> None:
        super().__init__()
        self._arena = arena
        self.metadata = {**metadata, "is_parallelizable": False}
        self.render_mode = arena.options.render_mode
        self.agents: list[str] = []
        self.agent_selection: Any = None

    @property
    def possible_agents(self) -> list[str]:
        """The names of all agents that can ever be there, in tree order."""
        return self._arena.names

    @property
    def policies(self) -> dict[str, str]:
        """Which policy each agent shares, by agent name."""
        return self._arena.policies

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """The space of an agent's observations; the same object at each call."""
        return self._arena.observation_space(agent)

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """The space of an agent's actions; the same object at each call."""
        return self._arena.action_space(agent)

    @property
    def state_space(self) -> spaces.Space[Any]:
        """The space of `state`. Raises AttributeError for a scene without one, as PettingZoo expects."""
        return self._arena.state_space

    def state(self) -> Any:
        """The state of the whole arena at the last reset or step."""
        return self._arena.state()

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Begin an episode; see `GodotParallelEnv.reset`. Each agent's info holds the `seed` that the scene got."""
        self._arena.start()
        outcome = self._arena.reset(seed, options)
        self.agents = list(self._arena.live)
        self._observations = dict(outcome.observations)
        self.infos = dict(outcome.infos)
        self.rewards = dict.fromkeys(self.agents, 0.0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self._skip_agent_selection = None
        self.agent_selection = outcome.turn

    def observe(self, agent: str) -> Any:
        """What an agent saw last."""
        self._arena.check_reset("observe")
        return self._observations[agent]

    def step(self, action: Any) -> None:
        """Let the agent whose turn it is act. A finished agent takes None and leaves `agents`.

        Raises:
            ClosedEnvironmentError, ResetNeededError: There is no episode.
            InvalidActionError: The action is outside its space.
            GodotMarlError: The game failed; `reset` starts it again.
        """
        self._arena.check_reset("step")
        if not self.agents:
            return
        agent = self.agent_selection
        if self.terminations[agent] or self.truncations[agent]:
            self._was_dead_step(action)
            return
        outcome = self._arena.step({agent: action})
        self._cumulative_rewards[agent] = 0.0
        self._take(outcome)
        self._accumulate_rewards()
        self.agent_selection = outcome.turn
        self._deads_step_first()

    def _take(self, outcome: Outcome) -> None:
        for name in outcome.observations:
            if name not in self.agents:
                self.agents.append(name)
                self._cumulative_rewards[name] = 0.0
        self._observations.update(outcome.observations)
        self.rewards = dict.fromkeys(self.agents, 0.0) | outcome.rewards
        self.terminations.update(outcome.terminations)
        self.truncations.update(outcome.truncations)
        self.infos.update(outcome.infos)

    def render(self) -> np.ndarray[Any, Any] | None:
        """The current frame; see `GodotParallelEnv.render`."""
        return self._arena.render()

    def close(self) -> None:
        """End the game. Safe to call twice."""
        self._arena.close()

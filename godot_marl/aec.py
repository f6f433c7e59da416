"""The scene as a PettingZoo AECEnv."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from pettingzoo import AECEnv
from pettingzoo.utils.conversions import parallel_to_aec_wrapper
from pettingzoo.utils.wrappers import OrderEnforcingWrapper

from godot_marl.core.arena import Arena
from godot_marl.core.episode import StepResult
from godot_marl.options import Game, Options
from godot_marl.parallel import GodotParallelEnv, metadata_of
from godot_marl.protocol.seeds import validate_optional_seed


def raw_env(game: Game = None, **options: Any) -> AECEnv[str, Any, Any]:
    """Make a PettingZoo AECEnv of a Godot scene, without the wrapper that enforces the order of calls.

    The game starts at once. If the agents of the scene have `is_turn()`, its rules decide whose turn it is. Otherwise
    all agents act on the same step of the game, as in PettingZoo's own conversion of parallel environments.

    Args:
        game: A project folder, an exported executable, or a .pck file. None waits for a game that the user starts.
        **options: See `godot_marl.options.Options`.

    Raises:
        InvalidOptionError: An option is unknown, or its value cannot work.
        GodotMarlError: The game could not be started; the type says why.
    """
    arena = Arena(game, Options.from_kwargs(options))
    try:
        return aec_env_of(arena, game)
    except BaseException:
        # Also for Ctrl-C: the caller has nothing to close yet.
        arena.close()
        raise


def env(game: Game = None, **options: Any) -> AECEnv[str, Any, Any]:
    """Make a PettingZoo AECEnv of a Godot scene. The game starts at once.

    Args and errors are those of `raw_env`.
    """
    return OrderEnforcingWrapper(raw_env(game, **options))


def native_env_of(arena: Arena, game: Game) -> GodotAECEnv | GodotParallelEnv:
    """Start an arena, and make the form that its scene has: AEC if its agents take turns, otherwise parallel."""
    if not arena.start().turns:
        return GodotParallelEnv.of_arena(arena, metadata_of(game))
    return GodotAECEnv(arena, {**metadata_of(game), "render_fps": arena.render_fps})


def aec_env_of(arena: Arena, game: Game) -> AECEnv[str, Any, Any]:
    """Start an arena, and make an AECEnv of it without the wrapper that enforces the order of calls."""
    env = native_env_of(arena, game)
    return env if isinstance(env, GodotAECEnv) else to_aec(env)


def to_aec(parallel: GodotParallelEnv) -> AECEnv[str, Any, Any]:
    """Start a parallel environment and convert it to an AECEnv without the wrapper that enforces the order of calls."""
    parallel.start()
    return parallel_to_aec_wrapper(parallel)


class GodotAECEnv(AECEnv[str, Any, Any]):
    """One arena whose agents have `is_turn()`: the scene's rules decide which agent acts next.

    Each step sends the action of that agent only. All live agents return an observation after each step; their rewards
    accumulate until they act.

    Args:
        arena: A started arena.
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
        """The names of all possible agents, in tree order."""
        return self._arena.names

    @property
    def policies(self) -> dict[str, str]:
        """The policy of each agent, by agent name."""
        return self._arena.policies

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """The observation space of an agent; the same object at each call."""
        return self._arena.observation_space(agent)

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """The action space of an agent; the same object at each call."""
        return self._arena.action_space(agent)

    @property
    def state_space(self) -> spaces.Space[Any]:
        """The space of `state`. Raises AttributeError for a scene without one, as PettingZoo expects."""
        return self._arena.state_space

    def state(self) -> Any:
        """The state of the whole arena at the last reset or step."""
        return self._arena.state()

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Begin an episode; see `GodotParallelEnv.reset`. Each info holds the `seed` that the scene received."""
        # Before the game starts.
        seed = validate_optional_seed(seed, "reset(seed=...)")
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
        """The last observation of an agent."""
        self._arena.check_reset("observe")
        return self._observations[agent]

    def step(self, action: Any) -> None:
        """Apply the action of the selected agent. A finished agent takes None and leaves `agents`.

        Raises:
            ClosedEnvironmentError, ResetNeededError: There is no episode.
            InvalidActionError: The action is outside its space.
            GodotMarlError: The game failed; `reset` starts a new one.
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
        self._record(outcome)
        self._accumulate_rewards()
        self.agent_selection = outcome.turn
        self._deads_step_first()

    def _record(self, outcome: StepResult) -> None:
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
        """Render the arena; see `GodotParallelEnv.render`."""
        return self._arena.render()

    def close(self) -> None:
        """End the game. Safe to call twice."""
        self._arena.close()

"""Scenes as environments of Ray RLlib (the extra `rllib`), on its new API stack.

    from godot_marl import rllib

    rllib.register("tag", "games/tag")
    config = PPOConfig().environment("tag").multi_agent(**rllib.multi_agent("tag"))

Each environment of each environment runner starts its own Godot process, on a port that the machine chooses.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from gymnasium import spaces
from pettingzoo import AECEnv, ParallelEnv
from pettingzoo.utils.wrappers import OrderEnforcingWrapper

from godot_marl import errors
from godot_marl.aec import GodotAECEnv, native_env_of
from godot_marl.core.arena import Arena
from godot_marl.options import Game, Options
from godot_marl.protocol.seeds import validate_optional_seed

try:
    from ray.rllib.env.env_context import EnvContext
    from ray.rllib.env.multi_agent_env import MultiAgentEnv
    from ray.tune.registry import register_env
except ImportError as error:
    raise errors.MissingDependencyError.of_extra("godot_marl.rllib", "rllib", error) from error

__all__ = ["GodotMultiAgentEnv", "multi_agent", "register"]

PettingZooEnv: TypeAlias = ParallelEnv[str, Any, Any] | AECEnv[str, Any, Any]
Results: TypeAlias = tuple[dict[str, Any], dict[str, float], dict[str, bool], dict[str, bool], dict[str, Any]]

# The arguments with which RLlib resets each new environment once, to check it.
CHECK_SEED, CHECK_OPTIONS = 42, dict[str, Any]()

_creators: dict[str, _Creator] = {}


def register(name: str, game: Game | Callable[..., PettingZooEnv] = None, **options: Any) -> None:
    """Register a scene with RLlib, for `PPOConfig().environment(name)`.

    Args:
        name: The environment's name in RLlib.
        game: A project folder, an exported executable, or a .pck file, with the same path on every machine of the
            cluster; or a function that makes the environment from the options, such as
            `godot_marl.envs.tag_v0.parallel_env`.
        **options: See `godot_marl.options.Options`. RLlib's `env_config` adds to them and replaces them.

    Raises:
        InvalidOptionError: An option is unknown, or its value is invalid.
    """
    if isinstance(game, str | os.PathLike):
        # Absolute, because a runner may have another working folder.
        game = os.path.abspath(game)
    creator = _Creator(game, options)
    creator.check(options)
    _creators[name] = creator
    register_env(name, creator)


def multi_agent(name: str, **env_config: Any) -> dict[str, Any]:
    """Return the policies of a registered scene, and the mapping of its agents to them.

    The scene defines them with `get_policy_name()`: this function starts the game, and ends it again.

    Args:
        name: The name in `register`.
        **env_config: RLlib's `env_config`, where it changes the scene's agents.

    Returns:
        `policies` and `policy_mapping_fn`, for `PPOConfig().multi_agent(**...)`. RLlib takes a policy's spaces from its
        agents.

    Raises:
        InvalidOptionError: No scene was registered under this name.
        GodotMarlError: The game could not be started; the error's class says why.
    """
    creator = _creators.get(name)
    if creator is None:
        raise errors.InvalidOptionError(
            "No scene was registered under this name.",
            where="name",
            expected=", ".join(_creators) or "a name that godot_marl.rllib.register() was called with",
            got=repr(name),
            remedy=f'Call godot_marl.rllib.register("{name}", game) first.',
        )
    env = creator(EnvContext(env_config, worker_index=0))
    env.close()
    policies = env.policies

    def policy_of(agent: str, *_: Any, **__: Any) -> str:
        return policies[agent]

    return {"policies": set(policies.values()), "policy_mapping_fn": policy_of}


@dataclass(frozen=True)
class _Creator:
    """Makes the environments of a registered scene."""

    game: Game | Callable[..., PettingZooEnv]
    options: Mapping[str, Any]

    def check(self, options: Mapping[str, Any]) -> None:
        """Check the options, as far as that is possible without the game."""
        if "seed" in options:
            raise errors.InvalidOptionError(
                "The environments of all runners would play the same episodes.",
                where="seed",
                expected="RLlib's seed, from which each runner derives another one",
                got=f"seed={options['seed']!r}",
                remedy="Remove it, and use AlgorithmConfig.debugging(seed=...).",
            )
        if not callable(self.game):
            Options.from_kwargs(options)

    def __call__(self, context: EnvContext) -> GodotMultiAgentEnv:
        options = {**self.options, **context}
        self.check(options)
        env = self.game(**options) if callable(self.game) else _make_env(self.game, options)
        return (_ParallelAdapter if isinstance(env, ParallelEnv) else _AECAdapter)(env, context.worker_index)


def _make_env(game: Game, options: Mapping[str, Any]) -> PettingZooEnv:
    """Make an AEC environment of a scene whose agents take turns, else a parallel one."""
    env = native_env_of(Arena(game, Options.from_kwargs(options)), game)
    return OrderEnforcingWrapper(env) if isinstance(env, GodotAECEnv) else env


class GodotMultiAgentEnv(MultiAgentEnv, ABC):
    """An environment of RLlib's runners.

    It replaces RLlib's wrappers of PettingZoo environments, which only support the agents of the first episode. They
    also miss the end of an episode in which some agents terminated and others were truncated: the wrapper of parallel
    environments steps once more, and that of AEC environments raises a KeyError.

    Attributes:
        env: The PettingZoo environment.
        policies: The name of each agent's policy, by agent name.
    """

    def __init__(self, env: Any, worker_index: int) -> None:
        self.env = env
        # `agents` always has all possible agents, also where some join later.
        self.agents = self.possible_agents = list(env.possible_agents)
        super().__init__()
        self.policies: dict[str, str] = env.unwrapped.policies
        self.observation_spaces = {agent: env.observation_space(agent) for agent in self.possible_agents}
        self.action_spaces = {agent: env.action_space(agent) for agent in self.possible_agents}
        self.observation_space = spaces.Dict(self.observation_spaces)
        self.action_space = spaces.Dict(self.action_spaces)
        self.metadata = dict(env.metadata)
        self.render_mode = env.render_mode
        self._worker_index = worker_index
        self._seeds = np.random.default_rng()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begin an episode.

        Args:
            seed: Seeds this and the following episodes, with other seeds in each runner. RLlib's own seed is a sum with
                the numbers of runner and environment, which is equal for several pairs.
            options: The options for the scene's `set_options`.

        Returns:
            The observations and infos of the agents that act next, by agent name.
        """
        seed = validate_optional_seed(seed, "reset(seed=...)")
        is_check = (seed, options) == (CHECK_SEED, CHECK_OPTIONS)
        if seed is not None and not is_check:
            self._seeds = np.random.default_rng([seed, self._worker_index])
        return self._reset_env(int(self._seeds.integers(2**31)), options)

    def step(self, actions: dict[str, Any]) -> Results:
        """Apply the agents' actions; see `godot_marl.parallel.GodotParallelEnv.step`."""
        observations, rewards, terminations, truncations, infos = self._step_env(actions)
        is_over = not self.env.agents
        all_terminated = is_over and all(terminations.values())
        terminations["__all__"] = all_terminated
        truncations["__all__"] = is_over and not all_terminated
        return observations, rewards, terminations, truncations, infos

    def render(self) -> Any:
        """Render the current frame; see `godot_marl.parallel.GodotParallelEnv.render`."""
        return self.env.render()

    def close(self) -> None:
        """End the game. Safe to call twice."""
        self.env.close()

    @abstractmethod
    def _reset_env(self, seed: int, options: dict[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Reset the environment, and return the observations and infos of the agents that act next."""

    @abstractmethod
    def _step_env(self, actions: dict[str, Any]) -> Results:
        """Step the environment."""


class _ParallelAdapter(GodotMultiAgentEnv):
    """All agents act at once."""

    def _reset_env(self, seed: int, options: dict[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
        observations, infos = self.env.reset(seed=seed, options=options)
        return observations, infos

    def _step_env(self, actions: dict[str, Any]) -> Results:
        observations, rewards, terminations, truncations, infos = self.env.step(actions)
        return observations, rewards, terminations, truncations, infos


class _AECAdapter(GodotMultiAgentEnv):
    """One agent acts at a time; it receives the results of the others' turns at its next turn."""

    def _reset_env(self, seed: int, options: dict[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
        self.env.reset(seed=seed, options=options)
        agent = self.env.agent_selection
        return {agent: self.env.observe(agent)}, {agent: self.env.infos[agent]}

    def _step_env(self, actions: dict[str, Any]) -> Results:
        self.env.step(actions[self.env.agent_selection])
        results: Results = ({}, {}, {}, {}, {})
        observations, rewards, terminations, truncations, infos = results
        while self.env.agents:
            agent, last = self.env.agent_selection, self.env.last()
            observations[agent], rewards[agent], terminations[agent], truncations[agent], infos[agent] = last
            if not (terminations[agent] or truncations[agent]):
                break
            self.env.step(None)
        return results

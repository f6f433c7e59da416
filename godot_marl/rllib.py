"""Scenes as environments of Ray RLlib (the extra `rllib`), on its new API stack.

    from godot_marl import rllib

    rllib.register("tag", "games/tag")
    config = PPOConfig().environment("tag").multi_agent(**rllib.multi_agent("tag"))

Each environment of each environment runner starts a Godot of its own, on a port that its machine chooses.
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
from godot_marl.arena import Arena
from godot_marl.options import Game, Options
from godot_marl.parallel import GodotParallelEnv, metadata_of
from godot_marl.turns import GodotTurnEnv

try:
    from ray.rllib.env.env_context import EnvContext
    from ray.rllib.env.multi_agent_env import MultiAgentEnv
    from ray.tune.registry import register_env
except ImportError as error:
    raise errors.MissingDependencyError.of_extra("godot_marl.rllib", "rllib", error) from error

__all__ = ["GodotMultiAgentEnv", "multi_agent", "register"]

PettingZooEnv: TypeAlias = ParallelEnv[str, Any, Any] | AECEnv[str, Any, Any]
Results: TypeAlias = tuple[dict[str, Any], dict[str, float], dict[str, bool], dict[str, bool], dict[str, Any]]

# With these RLlib resets each new environment once, to check it.
CHECK_SEED, CHECK_OPTIONS = 42, dict[str, Any]()

_creators: dict[str, _Creator] = {}


def register(name: str, game: Game | Callable[..., PettingZooEnv] = None, **options: Any) -> None:
    """Make a scene known to RLlib, as `PPOConfig().environment(name)`.

    Args:
        name: What RLlib shall call it.
        game: A project folder, an exported executable, or a .pck file, found at the same place on every machine of the
            cluster; or what makes the environment from the options, such as `godot_marl.envs.tag_v0.parallel_env`.
        **options: See `godot_marl.options.Options`. RLlib's `env_config` adds to them and replaces them.

    Raises:
        InvalidOptionError: An option is unknown, or its value cannot work.
    """
    if isinstance(game, str | os.PathLike):
        # A runner may work in another folder.
        game = os.path.abspath(game)
    creator = _Creator(game, options)
    creator.check(options)
    _creators[name] = creator
    register_env(name, creator)


def multi_agent(name: str, **env_config: Any) -> dict[str, Any]:
    """Say which policies a registered scene has, and which agent follows which one.

    The scene says so itself, with `get_policy_name()`: its game is started and ended again.

    Args:
        name: What it was registered as.
        **env_config: RLlib's `env_config`, where that changes which agents there are.

    Returns:
        `policies` and `policy_mapping_fn`, for `PPOConfig().multi_agent(**...)`. RLlib takes a policy's spaces from its
        agents.

    Raises:
        InvalidOptionError: Nothing was registered under this name.
        GodotMarlError: The game could not be started; the type tells why.
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
    """Makes an environment where RLlib wants one."""

    game: Game | Callable[..., PettingZooEnv]
    options: Mapping[str, Any]

    def check(self, options: Mapping[str, Any]) -> None:
        """Check the options as far as that can be done without the game."""
        if "seed" in options:
            raise errors.InvalidOptionError(
                "The environments of all runners would play the same episodes.",
                where="seed",
                expected="RLlib's own seed, of which each runner makes another one",
                got=f"seed={options['seed']!r}",
                remedy="Leave it out, and use AlgorithmConfig.debugging(seed=...).",
            )
        if not callable(self.game):
            Options.of(options)

    def __call__(self, context: EnvContext) -> GodotMultiAgentEnv:
        options = {**self.options, **context}
        self.check(options)
        env = self.game(**options) if callable(self.game) else _any_form(self.game, options)
        return (_Rounds if isinstance(env, ParallelEnv) else _Turns)(env, context.worker_index)


def _any_form(game: Game, options: Mapping[str, Any]) -> PettingZooEnv:
    """The form that fits the scene."""
    arena = Arena(game, Options.of(options))
    if arena.start().turns:
        return OrderEnforcingWrapper(GodotTurnEnv(arena, metadata_of(game)))
    return GodotParallelEnv.of_arena(arena, metadata_of(game))


class GodotMultiAgentEnv(MultiAgentEnv, ABC):
    """What RLlib's runners step.

    RLlib's own wrappers of PettingZoo environments know only the agents of the first episode. An episode that ends with
    some agents terminated and others truncated goes on for them: the one of parallel environments steps it once more,
    the one of AEC environments fails with a KeyError.

    Attributes:
        env: The PettingZoo environment.
        policies: Which policy each agent shares, by agent name.
    """

    def __init__(self, env: Any, worker_index: int) -> None:
        self.env = env
        # For RLlib, too, these are all that there can ever be.
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
            seed: Seeds this and the following episodes, in each runner another way. RLlib adds the numbers of runner
                and environment, which makes the same sum of several pairs.
            options: What the scene's `set_options` gets.

        Returns:
            Observations and infos of the agents that act next.
        """
        is_check = (seed, options) == (CHECK_SEED, CHECK_OPTIONS)
        if seed is not None and not is_check:
            self._seeds = np.random.default_rng([seed, self._worker_index])
        return self._begin(int(self._seeds.integers(2**31)), options)

    def step(self, actions: dict[str, Any]) -> Results:
        """Let the agents act; see `godot_marl.parallel.GodotParallelEnv.step`."""
        observations, rewards, terminations, truncations, infos = self._go_on(actions)
        is_over = not self.env.agents
        all_terminated = is_over and all(terminations.values())
        terminations["__all__"] = all_terminated
        truncations["__all__"] = is_over and not all_terminated
        return observations, rewards, terminations, truncations, infos

    def render(self) -> Any:
        """The current frame."""
        return self.env.render()

    def close(self) -> None:
        """End the game. Safe to call twice."""
        self.env.close()

    @abstractmethod
    def _begin(self, seed: int, options: dict[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Reset the environment: observations and infos of the agents that act next."""

    @abstractmethod
    def _go_on(self, actions: dict[str, Any]) -> Results:
        """Step the environment."""


class _Rounds(GodotMultiAgentEnv):
    """All agents act at once."""

    def _begin(self, seed: int, options: dict[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
        observations, infos = self.env.reset(seed=seed, options=options)
        return observations, infos

    def _go_on(self, actions: dict[str, Any]) -> Results:
        observations, rewards, terminations, truncations, infos = self.env.step(actions)
        return observations, rewards, terminations, truncations, infos


class _Turns(GodotMultiAgentEnv):
    """One agent acts after the other; each hears of the others' turns when it is asked again."""

    def _begin(self, seed: int, options: dict[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
        self.env.reset(seed=seed, options=options)
        agent = self.env.agent_selection
        return {agent: self.env.observe(agent)}, {agent: self.env.infos[agent]}

    def _go_on(self, actions: dict[str, Any]) -> Results:
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

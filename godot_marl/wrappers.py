"""Wrappers of PettingZoo environments for trainers that need more than PettingZoo promises."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv
from pettingzoo.utils.wrappers import BaseParallelWrapper

from godot_marl import errors


class PaddedEnv(BaseParallelWrapper[str, Any, Any]):
    """Any ParallelEnv, with a row for each possible agent in every step; see `pad_agents`.

    Args:
        env: The environment.

    Attributes:
        env: The same; its `agents` are those that take part.
    """

    def __init__(self, env: ParallelEnv[str, Any, Any]) -> None:
        super().__init__(env)
        self._is_over = False
        self._returns: dict[str, float] = {}
        self._lengths: dict[str, int] = {}

    @property
    def agents(self) -> list[str]:
        """All possible agents until the last one has ended, then none."""
        return list(self.possible_agents) if self.env.agents else []

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """Begin an episode. The info of an agent that is not there yet says `active` False."""
        observations, infos = self.env.reset(seed=seed, options=options)
        self._is_over = not self.env.agents
        self._returns, self._lengths = {}, {}
        absent = [name for name in self.possible_agents if name not in observations]
        blanks = {name: self._blank(name) for name in absent}
        rows = observations | blanks
        return (
            {name: rows[name] for name in self.possible_agents},
            # The others' say nothing: SuperSuit lays them over the infos of the step that ended the last episode.
            {**infos, **{name: {"active": False} for name in absent}},
        )

    def step(
        self, actions: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """Let those act that take part; the actions of the others are ignored.

        Returns:
            Observations, rewards, terminations, truncations and infos of all possible agents. All are empty when the
            episode is over.
        """
        if self._is_over:
            return {}, {}, {}, {}, {}
        known, acting = set(self.possible_agents), set(self.env.agents)
        # An unknown name is passed on, so that the environment can say what it thinks of it.
        wanted = {name: action for name, action in actions.items() if name in acting or name not in known}
        observations, rewards, terminations, truncations, infos = map(dict, self.env.step(wanted))
        live = set(self.env.agents)
        self._is_over = not live
        for name in self.possible_agents:
            if name not in observations:
                observations[name], rewards[name] = self._blank(name), 0.0
                # Terminated, not truncated: nothing follows that a trainer should estimate.
                terminations[name], truncations[name] = self._is_over, False
                infos[name] = {"active": False}
                continue
            infos[name] = {**infos.get(name, {}), "active": True}
            self._returns[name] = self._returns.get(name, 0.0) + float(rewards[name])
            self._lengths[name] = self._lengths.get(name, 0) + (name in acting)
            if name not in live:
                truncations[name] = bool(truncations[name] or not terminations[name])
                self._tell_end(infos[name], name, observations[name], terminations[name])
        return (
            {name: observations[name] for name in self.possible_agents},
            {name: rewards[name] for name in self.possible_agents},
            {name: terminations[name] for name in self.possible_agents},
            {name: truncations[name] for name in self.possible_agents},
            infos,
        )

    def _tell_end(self, info: dict[str, Any], name: str, observation: Any, terminated: bool) -> None:
        info["terminal_observation"] = copy.deepcopy(observation)
        info["TimeLimit.truncated"] = not terminated
        info.setdefault("episode", {"r": self._returns.pop(name), "l": self._lengths.pop(name)})

    def _blank(self, name: str) -> Any:
        return blank_observation(self.observation_space(name), name)


def pad_agents(env: ParallelEnv[str, Any, Any]) -> PaddedEnv:
    """Give every agent of `possible_agents` a row in every step, as SuperSuit and other vector forms need it.

    `agents` is all of them until the last one has ended. An agent's end is told once, in its own step, with its true
    last observation and reward. Its info has there, as stable-baselines3 reads it, `terminal_observation`,
    `TimeLimit.truncated` (it was cut off, so that its value has to be estimated), and `episode` with its return `r` and
    its length `l`.

    Before an agent is born and after it has ended, its info says `active` False. Its reward is 0 there, its
    observation is blank (zeros, or what is nearest to them in the space; an `action_mask` allows everything), its
    action is ignored, and both flags are False. Only in the step in which the last agent ends all rows are terminated,
    so that vector forms reset in that step. A row that ends is one agent's real end if its info has `episode`; a
    counter that looks at the flags alone, as stable-baselines3's VecMonitor does, counts the others too.

    Args:
        env: Any ParallelEnv. A game that starts lazily still does.

    Raises:
        InvalidOptionError: It is no ParallelEnv.
    """
    if not isinstance(env, ParallelEnv):
        raise errors.InvalidOptionError(
            "Only a ParallelEnv can be padded.",
            where="pad_agents(env)",
            expected="a PettingZoo ParallelEnv",
            got=type(env).__name__,
            remedy="Use parallel_env(...).",
        )
    return PaddedEnv(env)


def blank_observation(space: spaces.Space[Any], name: str, fill: int = 0) -> Any:
    """A new observation that says nothing: zeros, or what is nearest to them in the space; masks allow everything.

    Args:
        space: The space of the observation.
        name: Whose it is, for the error.
        fill: What to fill it with in place of zeros.

    Raises:
        InvalidSpaceError: The space is of a kind that has no blank.
    """
    if isinstance(space, spaces.Dict):
        return {
            key: blank_observation(member, f"{name}.{key}", 1 if key == "action_mask" else fill)
            for key, member in space.items()
        }
    if isinstance(space, spaces.Tuple):
        return tuple(blank_observation(member, f"{name}[{i}]", fill) for i, member in enumerate(space))
    if isinstance(space, spaces.Box):
        return np.clip(np.full(space.shape, fill, space.dtype), space.low, space.high)
    if isinstance(space, spaces.Discrete):
        return space.dtype.type(min(max(fill, int(space.start)), int(space.start + space.n) - 1))
    if isinstance(space, spaces.MultiDiscrete):
        filled = np.full(space.shape, fill, space.dtype)
        return np.clip(filled, space.start, space.start + space.nvec - 1).astype(space.dtype)
    if isinstance(space, spaces.MultiBinary):
        return np.full(space.shape, fill, space.dtype)
    raise errors.InvalidSpaceError(
        "The observations of this space cannot be padded.",
        where=name,
        expected="Box, Discrete, MultiDiscrete, MultiBinary, or a Dict or Tuple of them",
        got=str(space),
    )

"""Wrappers of PettingZoo environments for trainers that need more than PettingZoo guarantees."""

from __future__ import annotations

import copy
from typing import Any

from gymnasium import spaces
from pettingzoo import ParallelEnv
from pettingzoo.utils.wrappers import BaseParallelWrapper

from godot_marl import errors
from godot_marl.protocol.space_kinds.kind import CompositeKind
from godot_marl.protocol.space_kinds.registry import kind_of


class PaddedEnv(BaseParallelWrapper[str, Any, Any]):
    """Any ParallelEnv, with a row for each possible agent in every step; see `pad_agents`.

    Args:
        env: The environment.

    Attributes:
        env: The wrapped environment; its `agents` are those that are active.
    """

    def __init__(self, env: ParallelEnv[str, Any, Any]) -> None:
        super().__init__(env)
        self._is_over = False
        self._are_spaces_checked = False
        self._returns: dict[str, float] = {}
        self._lengths: dict[str, int] = {}

    @property
    def agents(self) -> list[str]:
        """All possible agents until the last one ends, then none."""
        return list(self.possible_agents) if self.env.agents else []

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """Begin an episode. The info of an agent that has not joined yet has `active` False.

        Raises:
            InvalidSpaceError: An observation space is of a type that has no blank observation.
        """
        observations, infos = self.env.reset(seed=seed, options=options)
        if not self._are_spaces_checked:
            for name in self.possible_agents:
                self._blank(name)
            self._are_spaces_checked = True
        self._is_over = not self.env.agents
        self._returns, self._lengths = {}, {}
        absent = [name for name in self.possible_agents if name not in observations]
        blanks = {name: self._blank(name) for name in absent}
        rows = observations | blanks
        return (
            {name: rows[name] for name in self.possible_agents},
            # The others have no `active`: SuperSuit writes these infos over those of the step that ended an episode.
            {**infos, **{name: {"active": False} for name in absent}},
        )

    def step(
        self, actions: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """Step the active agents; the actions of the others are ignored.

        Returns:
            Observations, rewards, terminations, truncations and infos of all possible agents. All are empty when the
            episode is over.
        """
        if self._is_over:
            return {}, {}, {}, {}, {}
        known, acting = set(self.possible_agents), set(self.env.agents)
        # Pass unknown names on, so that the environment raises its own error.
        wanted = {name: action for name, action in actions.items() if name in acting or name not in known}
        observations, rewards, terminations, truncations, infos = map(dict, self.env.step(wanted))
        live = set(self.env.agents)
        self._is_over = not live
        for name in self.possible_agents:
            if name not in observations:
                observations[name], rewards[name] = self._blank(name), 0.0
                # Terminated, not truncated: a trainer must not estimate a value after it.
                terminations[name], truncations[name] = self._is_over, False
                infos[name] = {"active": False}
                continue
            infos[name] = {**infos.get(name, {}), "active": True}
            self._returns[name] = self._returns.get(name, 0.0) + float(rewards[name])
            self._lengths[name] = self._lengths.get(name, 0) + (name in acting)
            if name not in live:
                truncations[name] = bool(truncations[name] or not terminations[name])
                self._add_end_info(infos[name], name, observations[name], terminations[name])
        return (
            {name: observations[name] for name in self.possible_agents},
            {name: rewards[name] for name in self.possible_agents},
            {name: terminations[name] for name in self.possible_agents},
            {name: truncations[name] for name in self.possible_agents},
            infos,
        )

    def _add_end_info(self, info: dict[str, Any], name: str, observation: Any, terminated: bool) -> None:
        info["terminal_observation"] = copy.deepcopy(observation)
        info["TimeLimit.truncated"] = not terminated
        info.setdefault("episode", {"r": self._returns.pop(name), "l": self._lengths.pop(name)})

    def _blank(self, name: str) -> Any:
        return blank_observation(self.observation_space(name), name)


def pad_agents(env: ParallelEnv[str, Any, Any]) -> PaddedEnv:
    """Give every agent of `possible_agents` a row in every step, as SuperSuit and other vector forms need it.

    `agents` has all of them until the last one ends. The step in which an agent ends has its true last observation and
    reward. The agent's info has in that step the members that stable-baselines3 reads: `terminal_observation`,
    `TimeLimit.truncated` (True if the episode was cut off, so that the trainer estimates the value that follows), and
    `episode` with the return `r` and the length `l`.

    Before an agent joins and after it ends, its info has `active` False. Its reward is 0 then, its observation is blank
    (zeros, or the values of the space nearest to them; an `action_mask` allows everything), its action is ignored, and
    both flags are False. In the step in which the last agent ends, all rows are terminated, so that vector forms reset.
    A terminated or truncated row is an agent's real end if its info has `episode`. A counter that reads the flags only,
    such as stable-baselines3's VecMonitor, counts the other rows too.

    Args:
        env: Any ParallelEnv. A game that starts lazily still does.

    Raises:
        InvalidOptionError: It is not a ParallelEnv.
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
    """A new observation of zeros, or of the values of the space nearest to them; masks allow everything.

    Args:
        space: The space of the observation.
        name: The agent's name, for the error.
        fill: The number to fill it with in place of zeros.

    Raises:
        InvalidSpaceError: The space, or a member of it, is of an unknown type.
    """
    kind = kind_of(space, name)
    if not isinstance(kind, CompositeKind):
        return kind.blank(space, fill)
    parts = {}
    for key in kind.keys(space):
        member_fill = 1 if key == "action_mask" else fill
        parts[key] = blank_observation(kind.member(space, key), name + kind.suffix(key), member_fill)
    return kind.combine(parts)

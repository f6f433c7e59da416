"""A plain PettingZoo environment whose agents come and go by a schedule, and how tests play one."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv

Life = tuple[int, int, str]
FLAGS = {"live": (False, False), "ended": (True, False), "cut": (False, True), "both": (True, True)}


class Scheduled(ParallelEnv):
    """A plain environment: each agent is born at a step (0: in the reset), lives for some steps, and ends in some way.

    What it answers depends on episode, step and agent alone.
    """

    metadata = {"name": "scheduled"}  # noqa: RUF012 - PettingZoo's own form
    render_mode = None

    def __init__(self, lives: list[Life], observation_spaces: list[spaces.Space[Any]]) -> None:
        self.possible_agents = [f"one_{i}" for i in range(len(lives))]
        self.agents: list[str] = []
        self.episode = 0
        self.now = 0
        self._lives = dict(zip(self.possible_agents, lives, strict=True))
        self._spaces = dict(zip(self.possible_agents, observation_spaces, strict=True))
        self._action_space = spaces.Discrete(5)

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        return self._spaces[agent]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        return self._action_space

    def _observe(self, agent: str) -> Any:
        self._spaces[agent].seed(10_000 * self.episode + 100 * self.now + self.possible_agents.index(agent))
        return self._spaces[agent].sample()

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        self.episode += 1
        self.now = 0
        self.agents = [agent for agent, (birth, _, _) in self._lives.items() if birth == 0]
        return {agent: self._observe(agent) for agent in self.agents}, {agent: {"seed": seed} for agent in self.agents}

    def step(self, actions: dict[str, Any]) -> Any:
        assert list(actions) == self.agents  # no action of another agent, and none is missing
        self.now += 1
        present = [*self.agents, *(agent for agent, (birth, _, _) in self._lives.items() if birth == self.now)]
        ended = dict.fromkeys(present, FLAGS["live"])
        for agent in self.agents:
            birth, length, how = self._lives[agent]
            if birth + length == self.now:
                ended[agent] = FLAGS[how]
        rewards = {agent: float(100 * self.now + actions.get(agent, 50)) for agent in present}
        self.agents = [agent for agent in self.possible_agents if ended.get(agent) == FLAGS["live"]]
        return (
            {agent: self._observe(agent) for agent in present},
            rewards,
            {agent: flags[0] for agent, flags in ended.items()},
            {agent: flags[1] for agent, flags in ended.items()},
            {agent: {"now": self.now} for agent in present},
        )

    def state(self) -> np.ndarray[Any, Any]:
        return np.array([self.now])


def action_of(env: ParallelEnv, agent: str, step: int) -> int:
    return (5 * step + env.possible_agents.index(agent)) % int(env.action_space(agent).n)


def play_plain(env: ParallelEnv, **how: Any) -> list[Any]:
    """The five dictionaries of each step; the observations and infos of the reset before."""
    answers = [env.reset(**how)]
    while env.agents:
        answers.append(env.step({agent: action_of(env, agent, len(answers)) for agent in env.agents}))
    return answers

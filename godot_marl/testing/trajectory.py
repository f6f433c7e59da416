"""Random play that can be repeated bit for bit, and the first difference of two recordings of it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from godot_marl.game.worker import Worker
from godot_marl.options import Game, Options
from godot_marl.protocol.codec import LEFT, OBSERVED, TERMINATED, TRUNCATED, TURN, MessageCodec, Reply
from godot_marl.protocol.messages import SceneDescription
from godot_marl.testing.space_values import difference_of


class RandomPlayer:
    """Draws actions that depend only on seed, step, slot and mask.

    Args:
        scene: The scene.

    Raises:
        InvalidSpaceError: An agent has an action mask that its action space does not take.
    """

    def __init__(self, scene: SceneDescription) -> None:
        self._agents = scene.agents
        for agent in scene.agents:
            agent.check_mask()
        # Copies, so that a trainer's own spaces keep their generators.
        self._spaces = [copy.deepcopy(agent.action_space) for agent in scene.agents]

    def act(self, seed: int, step: int, slot: int, mask: np.ndarray[Any, Any] | None = None) -> Any:
        """A random action of the agent in this slot, one that its mask allows."""
        space = self._spaces[slot]
        space.seed(int(np.random.SeedSequence([seed, step, slot]).generate_state(1)[0]))
        if mask is None:
            return space.sample()
        given = self._agents[slot].sample_mask(mask)
        parts = given if isinstance(given, tuple) else (given,)
        return space.sample(given) if all(part.any() for part in parts) else space.sample()


@dataclass
class Recording:
    """An episode of one arena: the reply to its reset, then to each step."""

    codec: MessageCodec
    replies: list[Reply]
    arena: int = 0


@dataclass
class Difference:
    """The first difference of two recordings.

    Attributes:
        step: The step; 0 for the reset.
        what: The value's agent, and the value in each recording.
        where: The node's method that returned it.
    """

    step: int
    what: str
    where: str

    def __str__(self) -> str:
        when = f"in step {self.step}" if self.step else "right after the reset"
        return f"{when}, {self.what}"


class Recorder:
    """Records the episodes of a running game.

    Args:
        game: The game.
        options: The environment's options.
        arenas: The arenas of the game.
    """

    def __init__(self, game: Game, options: Options, arenas: int = 1) -> None:
        self._worker = Worker(game, options, arenas)
        self._arenas = arenas

    def __enter__(self) -> Recorder:
        self.scene = self._worker.start()
        self._player = RandomPlayer(self.scene)
        return self

    def __exit__(self, *_: object) -> None:
        self._worker.close()

    def play(self, seeds: Sequence[int], steps: int) -> list[Recording]:
        """Play an episode with each arena's seed until all agents end, or for a number of steps."""
        replies = [self._worker.reset({i: (seed, {}) for i, seed in enumerate(seeds)})]
        live = [_observed(replies[0], arena) for arena in range(self._arenas)]
        for step in range(steps):
            if not any(live):
                break
            actions = [self._actions(replies[-1], arena, seed, step, live[arena]) for arena, seed in enumerate(seeds)]
            replies.append(self._worker.step(actions))
            live = [_observed(replies[-1], arena) for arena in range(self._arenas)]
        return [Recording(self._worker.codec, replies, arena) for arena in range(self._arenas)]

    def _actions(self, reply: Reply, arena: int, seed: int, step: int, live: list[int]) -> dict[int, Any]:
        if self.scene.turns:
            live = [slot for slot in live if reply.flags[arena, slot] & TURN]
        codec = self._worker.codec
        return {slot: self._player.act(seed, step, slot, codec.mask(reply, arena, slot)) for slot in live}


def _observed(reply: Reply, arena: int) -> list[int]:
    """The slots whose agents are live."""
    flags = reply.flags[arena].tolist()
    return [slot for slot, flag in enumerate(flags) if flag & OBSERVED and not flag & (TERMINATED | TRUNCATED | LEFT)]


def first_difference(scene: SceneDescription, one: Recording, other: Recording) -> Difference | None:
    """The first value of `one` that differs from that of `other`; None if all bits are equal."""
    for step, (a, b) in enumerate(zip(one.replies, other.replies, strict=False)):
        for slot, agent in enumerate(scene.agents):
            flags, expected_flags = int(a.flags[one.arena, slot]), int(b.flags[other.arena, slot])
            if flags & expected_flags & OBSERVED:
                found = one.codec.observation(a, one.arena, slot)
                expected = other.codec.observation(b, other.arena, slot)
                text = difference_of(agent.observation_space, found, expected)
                if text:
                    return Difference(step, f"the observation of {agent.name}{text}", f"{agent.path}.get_observation()")
            reward, expected_reward = a.rewards[one.arena, slot], b.rewards[other.arena, slot]
            if reward.tobytes() != expected_reward.tobytes():
                what = f"the reward of {agent.name} is {reward} instead of {expected_reward}"
                return Difference(step, what, f"{agent.path}.get_reward()")
            if flags != expected_flags:
                what = f"{agent.name} is {_describe_flags(flags)} instead of {_describe_flags(expected_flags)}"
                return Difference(step, what, agent.path)
            mask, expected_mask = one.codec.mask(a, one.arena, slot), other.codec.mask(b, other.arena, slot)
            if mask is not None and expected_mask is not None and not np.array_equal(mask, expected_mask):
                what = f"the action mask of {agent.name} is {mask.tolist()} instead of {expected_mask.tolist()}"
                return Difference(step, what, f"{agent.path}.get_action_mask()")
        if scene.state_space is not None:
            state, expected_state = one.codec.state(a, one.arena), other.codec.state(b, other.arena)
            text = difference_of(scene.state_space, state, expected_state)
            if text:
                return Difference(step, f"the state{text}", "get_state() of the scene's root")
    return None


_WORDS = {OBSERVED: "there", TERMINATED: "done", TRUNCATED: "truncated", LEFT: "gone", TURN: "to move"}


def _describe_flags(flags: int) -> str:
    return " and ".join(word for flag, word in _WORDS.items() if flags & flag) or "absent"

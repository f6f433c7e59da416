"""Converts the replies of several workers to a batch with a row for each agent, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from godot_marl.core.observation_validation import ObservationValidator
from godot_marl.options import Options
from godot_marl.protocol.codec import OBSERVED, TRUNCATED, Reply
from godot_marl.protocol.messages import SceneDescription
from godot_marl.vector.batch_layout import Array, BatchLayout, join, map_batch
from godot_marl.vector.step_batch import BatchStep, RowInfos


class ReplyBatcher:
    """Converts the replies of workers that each host the same number of arenas.

    Args:
        scene: The scene's description from the handshake; all agents share a policy and its spaces.
        options: The environments' options.
        copies: Arenas in each worker.
        rows: Number of rows of all workers.
    """

    def __init__(self, scene: SceneDescription, options: Options, copies: int, rows: int) -> None:
        self._scene = scene
        self._copies = copies
        self._rows = rows
        self._slots = len(scene.agents)
        self._observations = BatchLayout(scene.agents[0].observation_space)
        self._mask_size = scene.agents[0].action_mask
        self._puts_masks_in = bool(self._mask_size) and options.mask_in_observation
        self._codec = scene.make_codec()
        self._checks = options.checks
        self._validator = ObservationValidator(scene)

    def batch_step(self, replies: Sequence[Reply]) -> BatchStep:
        """Make a step with observations and masks only."""
        none = np.zeros(self._rows, bool)
        return BatchStep(
            observations=join([self.observations(reply) for reply in replies]),
            action_masks=join([self.masks(reply) for reply in replies]) if self._mask_size else None,
            rewards=np.zeros(self._rows),
            terminations=none,
            truncations=none.copy(),
            active=none.copy(),
            final_rows=np.zeros(0, np.int64),
            seeds=np.full(self._rows, -1, np.int64),
        )

    def observations(self, reply: Reply) -> Any:
        """The observations of a reply as a batch, with the action masks if the space has them."""
        observations = self._observations.unpack(reply.sections, self._slots)
        return {"observation": observations, "action_mask": self.masks(reply)} if self._puts_masks_in else observations

    def masks(self, reply: Reply) -> Array:
        """The action masks of a reply: int8, shape (rows, mask size)."""
        return reply.masks.reshape(-1, self._mask_size).astype(np.int8)

    def infos(self, replies: Sequence[Reply]) -> RowInfos:
        """The infos of all rows."""
        return [
            ((worker * self._copies + arena) * self._slots + slot, info)
            for worker, reply in enumerate(replies)
            for arena, by_agent in enumerate(reply.infos)
            for slot, info in self.by_slot(by_agent)
        ]

    def by_slot(self, by_agent: Mapping[str, dict[str, Any]]) -> RowInfos:
        """The infos of one arena by slot."""
        if not by_agent:
            return []
        agents = self._scene.agents
        return [(slot, by_agent[agent.name]) for slot, agent in enumerate(agents) if agent.name in by_agent]

    def validate_observations(self, replies: Sequence[Reply | None]) -> None:
        """Check the observations of replies, or of the next episodes in them.

        Raises:
            InvalidObservationError: One is not in its space.
        """
        if not self._checks:
            return
        for reply in replies:
            if reply is None:
                continue
            for arena, slot in self._validator.candidates(reply):
                if reply.flags[arena, slot] & OBSERVED:
                    self._validator.validate(slot, self._codec.observation(reply, arena, slot))

    def validate_rewards(self, replies: Sequence[Reply], rewards: Array) -> None:
        """Check the rewards of all rows.

        Raises:
            InvalidObservationError: One is NaN.
        """
        # A NaN makes the sum NaN, and so do infinities of both signs.
        if self._checks and np.isnan(rewards.sum()):
            for reply in replies:
                for arena in range(self._copies):
                    self._validator.rewards(reply, range(self._slots), arena)

    def truncate(self, observations: Any, masks: Array | None, alive: Array, following: Reply | None) -> Reply:
        """Make the reply of a lost worker: its agents are truncated at their last observations.

        Args:
            observations: The batch of its rows' last observations.
            masks: Their action masks; None if they have none.
            alive: Bool, shape (rows of the worker,): the rows to truncate. The others take no part in the reply.
            following: The first reply of the next episodes of all its arenas, if they begin in the same step.
        """
        arenas = self._copies
        own = observations["observation"] if self._puts_masks_in else observations
        sections = self._observations.pack(map_batch(lambda array: _blank(array, ~alive), own), len(alive))
        last_masks = np.zeros((arenas, 0), np.uint8) if masks is None else _blank(masks, ~alive)
        return Reply(
            request=0,
            frames=0,
            rewards=np.zeros((arenas, self._slots)),
            flags=np.where(alive, OBSERVED | TRUNCATED, 0).astype(np.uint8).reshape(arenas, -1),
            masks=last_masks.astype(np.uint8).reshape(arenas, -1),
            sections={name: section.reshape(arenas, -1) for name, section in sections.items()},
            infos=[{} for _ in range(arenas)],
            reset=() if following is None else range(arenas),
            next=following,
        )


def _blank(array: Array, rows: Array) -> Array:
    """A copy in which these rows are zeros."""
    array = array.copy()
    array[rows] = 0
    return array

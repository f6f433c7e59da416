"""Rows as stable-baselines3 asks them one by one, and what it cannot have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from godot_marl import errors
from godot_marl.batch import Batch
from godot_marl.calls import reset_needed_error
from godot_marl.rows import Array


class Row:
    """One row as `get_attr`, `set_attr` and `env_method` of a VecEnv see it.

    Attributes:
        agent: The agent's name.
        arena: The number of its arena.
        observation_space, action_space: Its spaces.
        render_mode: The mode of all rows.

    Args:
        batch: All rows.
        index: Which row it is.
    """

    def __init__(self, batch: Batch, index: int) -> None:
        self._batch = batch
        self._index = index
        self.arena, slot = divmod(index, batch.slots)
        self.agent = batch.scene.agents[slot].name
        self.observation_space = batch.observation_space
        self.action_space = batch.action_space
        self.render_mode = batch.options.render_mode

    def render(self) -> Array | None:
        """A frame of its arena, uint8 of shape (height, width, 3); None unless render_mode is "rgb_array"."""
        return self._batch.render([self.arena])[0] if self.render_mode == "rgb_array" else None


class MaskedRow(Row):
    """A row whose agent has an action mask.

    Args:
        batch: All rows.
        index: Which row it is.
        masks: Gets the masks of all rows, int8 of shape (rows, actions); None before the first reset.
    """

    def __init__(self, batch: Batch, index: int, masks: Callable[[], Array | None]) -> None:
        super().__init__(batch, index)
        self._masks = masks

    def action_masks(self) -> Any:
        """Which actions the agent may take next: int8, shape (actions,), 1 for those that it may.

        Raises:
            ResetNeededError: There was no reset.
        """
        masks = self._masks()
        if masks is None:
            raise reset_needed_error("action_masks")
        return masks[self._index]


def check_scene(batch: Batch) -> None:
    """Check that stable-baselines3 can have a scene.

    Raises:
        SceneError: It resets in a step of its own.
    """
    if not batch.resets_in_same_step:
        raise errors.SceneError(
            "The scene resets in a step of its own, which stable-baselines3 does not know.",
            where="the bridge's settle_frames",
            expected="0",
            got=str(batch.scene.settle_frames),
            remedy="Set it to 0 if the first observation can do without, or use godot_marl.vector_env, whose autoreset "
            "mode is then NEXT_STEP.",
        )


def dead_row_error(batch: Batch, dead: Array) -> errors.SceneError:
    """Some agents take no part in the next step, while others of their arena do.

    Args:
        batch: All rows.
        dead: Bool, shape (rows,): which rows take no part.
    """
    row = int(np.argmax(dead))
    first = row - row % batch.slots
    gone = [
        agent.name
        for agent, is_dead in zip(batch.scene.agents, dead[first : first + batch.slots], strict=True)
        if is_dead
    ]
    return errors.SceneError(
        "An agent takes no part in the next step while its arena goes on, but stable-baselines3 wants a row for each "
        "agent in every step.",
        where=batch.describe_row(row),
        expected=f"the {batch.slots} agents of an arena begin and end together",
        got=f"ended, or not yet there: {', '.join(gone)}",
        remedy='Fill such rows with vec_env(..., dead_rows="pad"), or end all agents in the same step.',
    )

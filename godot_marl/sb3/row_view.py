"""The view of single rows that stable-baselines3 expects, and checks of what it supports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from godot_marl import errors
from godot_marl.core.call_validation import reset_needed_error
from godot_marl.vector.batch import Batch
from godot_marl.vector.batch_layout import Array


class Row:
    """One row as `get_attr`, `set_attr` and `env_method` of a VecEnv see it.

    Attributes:
        agent: The agent's name.
        arena: Index of its arena.
        observation_space, action_space: The agent's spaces.
        render_mode: The mode of all rows.

    Args:
        batch: All rows.
        index: Index of the row.
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
        """Render its arena: uint8 of shape (height, width, 3); None unless render_mode is "rgb_array"."""
        return self._batch.render([self.arena])[0] if self.render_mode == "rgb_array" else None


class MaskedRow(Row):
    """A row whose agent has an action mask.

    Args:
        batch: All rows.
        index: Index of the row.
        masks: Returns the masks of all rows, int8 of shape (rows, actions); None before the first reset.
    """

    def __init__(self, batch: Batch, index: int, masks: Callable[[], Array | None]) -> None:
        super().__init__(batch, index)
        self._masks = masks

    def action_masks(self) -> Any:
        """The mask of the next action: int8, shape (actions,), 1 for allowed actions.

        Raises:
            ResetNeededError: There was no reset.
        """
        masks = self._masks()
        if masks is None:
            raise reset_needed_error("action_masks")
        return masks[self._index]


def validate_scene(batch: Batch) -> None:
    """Check that stable-baselines3 supports a scene.

    Raises:
        SceneError: It needs a step of its own for a reset.
    """
    if not batch.resets_in_same_step:
        raise errors.SceneError(
            "The scene needs a step of its own for a reset, which stable-baselines3 does not support.",
            where="the bridge's settle_frames",
            expected="0",
            got=str(batch.scene.settle_frames),
            remedy="Set it to 0 if the first observation does not need it, or use godot_marl.vector_env, whose "
            "autoreset mode is then NEXT_STEP.",
        )


def dead_row_error(batch: Batch, dead: Array) -> errors.SceneError:
    """The error for agents that take no part in the next step while others of their arena do.

    Args:
        batch: All rows.
        dead: Bool, shape (rows,): which rows take no part.
    """
    row = int(np.argmax(dead))
    first = row - row % batch.slots
    missing = [
        agent.name
        for agent, is_dead in zip(batch.scene.agents, dead[first : first + batch.slots], strict=True)
        if is_dead
    ]
    return errors.SceneError(
        "An agent takes no part in the next step while its arena goes on, but stable-baselines3 needs a row for each "
        "agent in every step.",
        where=batch.describe_row(row),
        expected=f"the {batch.slots} agents of an arena begin and end together",
        got=f"ended, or not yet joined: {', '.join(missing)}",
        remedy='Fill such rows with vec_env(..., dead_rows="pad"), or end all agents in the same step.',
    )

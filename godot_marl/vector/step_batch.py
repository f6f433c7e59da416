"""The result of a reset or a step for all rows of a batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from godot_marl.vector.batch_layout import Array

_NONE = np.zeros(0, np.int64)

# (row, info), for the rows whose info is not empty.
RowInfos = list[tuple[int, dict[str, Any]]]


@dataclass
class BatchStep:
    """The result of a reset or a step for all rows.

    Attributes:
        observations: A batch. An arena that was reset in the step has the first observations of its next episode.
        rewards: Float64, shape (rows,); 0 for rows that are not active.
        terminations, truncations: Bool, shape (rows,).
        active: Bool, shape (rows,): which rows took part in the step.
        final_rows: The rows whose episode ended in the step.
        final_observations: A batch of their last observations; None if there are none.
        infos: The results of `get_info`, by row; those of the next episode for an arena that was reset in the step.
        final_infos: For such an arena, those of the episode that ended.
        action_masks: Int8, shape (rows, mask size); None if agents have none.
        begun: The arenas whose next episode began in the step.
        seeds: Int64, shape (rows,): the seeds of the episodes that began, -1 where none did.
        restarted: The rows of workers that were lost and replaced.
    """

    observations: Any
    rewards: Array
    terminations: Array
    truncations: Array
    active: Array
    final_rows: Array
    final_observations: Any = None
    infos: RowInfos = field(default_factory=list)
    final_infos: RowInfos = field(default_factory=list)
    action_masks: Array | None = None
    begun: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    seeds: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    restarted: Array = field(default_factory=lambda: _NONE)

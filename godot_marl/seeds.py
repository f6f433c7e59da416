"""The seeds of many arenas' episodes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from gymnasium.utils import seeding

from godot_marl import errors
from godot_marl.calls import check_seed
from godot_marl.rows import Array


class ArenaSeeds:
    """Draws the seeds of each arena's episodes: arena i as an environment alone does that was seeded with `seed` + i.

    Args:
        arenas: How many arenas there are.
        seed: Seeds the generators; None for a random one.

    Attributes:
        next: Int64, shape (arenas,): the seeds of the episodes that come next.
    """

    def __init__(self, arenas: int, seed: int | None) -> None:
        if seed is None:
            seed = int(seeding.np_random()[0].integers(2**31))
        self._generators = [seeding.np_random(seed + arena)[0] for arena in range(arenas)]
        self.next: Array = np.zeros(arenas, "<i8")
        self.draw(range(arenas))

    def draw(self, arenas: Sequence[int]) -> None:
        """Take note that the next episodes of these arenas have begun: draw the seeds of those after them."""
        for arena in arenas:
            self.next[arena] = self._generators[arena].integers(2**31)

    def take(self, seed: int | Sequence[int | None] | None) -> list[int]:
        """The seeds of episodes that begin in all arenas.

        Args:
            seed: Arena i gets `seed` + i, and is seeded anew; or one seed for each arena; None takes those that come
                next.

        Raises:
            InvalidOptionError: A seed is out of range, or there are too many or too few.
        """
        arenas = len(self.next)
        if seed is None:
            return [int(episode_seed) for episode_seed in self.next]
        if not isinstance(seed, Sequence | np.ndarray):
            check_seed(seed)
            seeds: list[int | None] = [int(seed) + arena for arena in range(arenas)]
        else:
            seeds = list(seed)
        if len(seeds) != arenas:
            raise errors.InvalidOptionError(
                "There must be a seed for each arena.",
                where="reset(seed=...)",
                expected=f"one integer, or {arenas} of them",
                got=f"{len(seeds)} seeds",
            )
        for given in seeds:
            check_seed(given)
        for arena, given in enumerate(seeds):
            if given is not None:
                self._generators[arena] = seeding.np_random(int(given))[0]
                self.next[arena] = int(given)
        return [int(episode_seed) for episode_seed in self.next]

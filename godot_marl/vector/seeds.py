"""The seeds of the episodes of many arenas."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from gymnasium.utils import seeding

from godot_marl import errors
from godot_marl.protocol.seeds import validate_optional_seed, validate_seed
from godot_marl.vector.batch_layout import Array


class ArenaSeeds:
    """Draws the seeds of each arena's episodes. Arena i has those of a single environment with the seed `seed` + i.

    Args:
        arenas: The number of arenas.
        seed: Seeds the generators; None for a random one.

    Attributes:
        next: Int64, shape (arenas,): the seeds of the next episodes.

    Raises:
        InvalidOptionError: `seed` + i is out of range.
    """

    def __init__(self, arenas: int, seed: int | None) -> None:
        if seed is None:
            seed = int(seeding.np_random()[0].integers(2**31))
        self._generators = [seeding.np_random(each)[0] for each in seeds_of_arenas(seed, arenas, "seed")]
        self.next: Array = np.zeros(arenas, "<i8")
        self.advance(range(arenas))

    def advance(self, arenas: Sequence[int]) -> None:
        """Draw new seeds for these arenas, whose next episodes have begun."""
        for arena in arenas:
            self.next[arena] = self._generators[arena].integers(2**31)

    def seeds_for_reset(self, seed: int | Sequence[int | None] | None) -> list[int]:
        """The seeds of episodes that begin in all arenas.

        Args:
            seed: Arena i gets `seed` + i, which also seeds its generator; or one seed for each arena; None takes the
                seeds of `next`.

        Raises:
            InvalidOptionError: A seed is out of range, or there are too many or too few.
        """
        arenas, where = len(self.next), "reset(seed=...)"
        if seed is None:
            return [int(episode_seed) for episode_seed in self.next]
        given = _items_of(seed)
        seeds: Sequence[int | None] = (
            seeds_of_arenas(seed, arenas, where)
            if given is None
            else [validate_optional_seed(each, f"{where}, item {i}") for i, each in enumerate(given)]
        )
        if len(seeds) != arenas:
            raise errors.InvalidOptionError(
                "There must be a seed for each arena.",
                where=where,
                expected=f"one integer, or {arenas} of them",
                got=f"{len(seeds)} seeds",
            )
        for arena, arena_seed in enumerate(seeds):
            if arena_seed is not None:
                self._generators[arena] = seeding.np_random(arena_seed)[0]
                self.next[arena] = arena_seed
        return [int(episode_seed) for episode_seed in self.next]


def _items_of(seed: object) -> list[object] | None:
    if isinstance(seed, np.ndarray):
        return list(seed) if seed.ndim else None
    return list(seed) if isinstance(seed, Sequence) and not isinstance(seed, (str, bytes)) else None


def seeds_of_arenas(first: object, arenas: int, where: str) -> list[int]:
    """The seed of each arena: `first` + i for arena i.

    Raises:
        InvalidOptionError: One of them is out of range.
    """
    begin = validate_seed(first, where)
    if arenas:
        validate_seed(begin + arenas - 1, where if arenas == 1 else f"{where}, of the last of {arenas} arenas")
    return list(range(begin, begin + arenas))

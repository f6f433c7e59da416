"""What a reply means for the agents of one arena: the books of an episode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from godot_marl.calls import broken_reply_error
from godot_marl.codec import JOINED, LEFT, OBSERVED, TERMINATED, TRUNCATED, TURN, Layout, Reply
from godot_marl.observations import ObservationChecker
from godot_marl.options import Options
from godot_marl.protocol import SceneDescription

Infos = dict[str, dict[str, Any]]

# The flags of slots in which nothing happens but that time goes on.
_QUIET_FLAGS = bytes([0, OBSERVED])


@dataclass(slots=True)
class Outcome:
    """What a reset or a step brought, for the agents that had a part in it.

    Attributes:
        observations, rewards, terminations, truncations, infos: By agent name; those who joined in the step come last.
        turn: The agent whose turn it is; None in a scene without turns, and at the end of an episode.
    """

    observations: dict[str, Any]
    rewards: dict[str, float]
    terminations: dict[str, bool]
    truncations: dict[str, bool]
    infos: Infos
    turn: str | None = None


class Books:
    """Keeps the books of one arena's episodes.

    Args:
        scene: What the handshake said.
        layout: The binary messages of the game.
        options: The environment's options.

    Attributes:
        live: The agents whose episode goes on, in the order of the slots.
    """

    def __init__(self, scene: SceneDescription, layout: Layout, options: Options) -> None:
        self.live: list[str] = []
        self._names = [agent.name for agent in scene.agents]
        self._live_slots: list[int] = []
        self._has_turns = scene.turns
        self._layout = layout
        self._checker = ObservationChecker(scene)
        self._checks = options.checks
        self._puts_masks_in = options.mask_in_observation and layout.has_masks
        self._max_steps = options.max_episode_steps
        self._steps = 0
        self._last_observations: dict[str, Any] = {}

    def begin(self, reply: Reply) -> Outcome:
        """The outcome of a reset.

        Raises:
            ProtocolError: The reply contradicts itself.
            InvalidObservationError: It holds what is no number, or what is not in its space.
        """
        self.live, self._live_slots = [], []
        self._steps = 0
        return self._outcome(reply)

    def go_on(self, reply: Reply) -> Outcome:
        """The outcome of a step; raises what `begin` does."""
        self._steps += 1
        return self._outcome(reply)

    def _outcome(self, reply: Reply) -> Outcome:
        flags = reply.flags[0].tobytes()
        observed = [slot for slot, flag in enumerate(flags) if flag & OBSERVED]
        # Most often those are there who were there, and nobody else.
        slots = observed if observed == self._live_slots else self._present(flags, observed)
        names = [self._names[slot] for slot in slots]
        observations = self._observe(reply, flags, slots, names, is_complete=len(slots) == len(observed))
        infos = self._infos(reply, slots, names)
        over_time = self._max_steps is not None and self._steps >= self._max_steps
        if over_time or flags.translate(None, _QUIET_FLAGS):
            mine = [flags[slot] for slot in slots]
            for name, flag in zip(names, mine, strict=True):
                if flag & LEFT:
                    infos[name]["left"] = True
            terminated = [flag & TERMINATED != 0 for flag in mine]
            truncated = [flag & TRUNCATED != 0 or (over_time and not flag & TERMINATED) for flag in mine]
            terminations = dict(zip(names, terminated, strict=True))
            truncations = dict(zip(names, truncated, strict=True))
            going_on = sorted(
                slot for slot, *ends in zip(slots, terminated, truncated, strict=True) if True not in ends
            )
        else:
            terminations, truncations = dict.fromkeys(names, False), dict.fromkeys(names, False)
            going_on = slots
        rewards = dict(zip(names, self._checker.rewards(reply, slots), strict=True))
        self._last_observations = observations.copy()
        self._live_slots = going_on
        self.live = names if going_on is slots else [self._names[slot] for slot in going_on]
        return Outcome(observations, rewards, terminations, truncations, infos, self._turn(flags))

    def _present(self, flags: bytes, observed: list[int]) -> list[int]:
        """The slots that have a part in a reply: those that were there, then those that joined."""
        known = set(self._live_slots)
        joined = [slot for slot in observed if slot not in known]
        for slot in joined if self._steps else ():
            if not flags[slot] & JOINED:
                raise broken_reply_error(self._names[slot], "an agent that is observed though its episode was over")
        return [*self._live_slots, *joined]

    def _observe(
        self, reply: Reply, flags: bytes, slots: list[int], names: list[str], *, is_complete: bool
    ) -> dict[str, Any]:
        values = self._layout.observations(reply, 0, slots)
        if self._puts_masks_in:
            masks = self._layout.masks(reply, 0, slots)
            wrapped = [
                value if mask is None else {"observation": value, "action_mask": mask}
                for value, mask in zip(values, masks, strict=True)
            ]
        else:
            wrapped = values
        suspects = self._checker.suspects(reply, 0) if self._checks else ()
        if suspects or not is_complete:
            for place, slot in enumerate(slots):
                if not flags[slot] & OBSERVED:
                    if not flags[slot] & LEFT:
                        raise broken_reply_error(names[place], "neither an observation nor that it left")
                    wrapped[place] = self._last_observations[names[place]]
                elif slot in suspects:
                    self._checker.check(slot, values[place])
        return dict(zip(names, wrapped, strict=True))

    def _infos(self, reply: Reply, slots: list[int], names: list[str]) -> Infos:
        told = reply.infos[0]
        infos: Infos = {name: dict(told.get(name, ())) for name in names} if told else {name: {} for name in names}
        if self._layout.has_masks:
            for name, mask in zip(names, self._layout.masks(reply, 0, slots), strict=True):
                if mask is not None:
                    infos[name]["action_mask"] = mask
        return infos

    def _turn(self, flags: bytes) -> str | None:
        if not self._has_turns and max(flags, default=0) < TURN:
            return None
        turns = [name for name, slot in zip(self.live, self._live_slots, strict=True) if flags[slot] & TURN]
        if self._has_turns and self.live and len(turns) != 1:
            raise broken_reply_error(", ".join(turns) or "turns", f"the turn of {len(turns)} agents")
        return turns[0] if turns else None

"""Tracks the episodes of one arena: which agents are live, and what each reply means for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from godot_marl.core.observation_validation import ObservationValidator
from godot_marl.options import Options
from godot_marl.protocol.codec import JOINED, LEFT, OBSERVED, TERMINATED, TRUNCATED, TURN, MessageCodec, Reply
from godot_marl.protocol.error_codes import broken_reply_error
from godot_marl.protocol.messages import SceneDescription

Infos = dict[str, dict[str, Any]]

# The flags of slots with no lifecycle event: not observed, or observed.
_QUIET_FLAGS = bytes([0, OBSERVED])


@dataclass(slots=True)
class StepResult:
    """The result of a reset or a step, for the agents that took part in it.

    Attributes:
        observations, rewards, terminations, truncations, infos: By agent name; agents that just joined come last.
        turn: The agent whose turn it is; None in a scene without turns, and at the end of an episode.
    """

    observations: dict[str, Any]
    rewards: dict[str, float]
    terminations: dict[str, bool]
    truncations: dict[str, bool]
    infos: Infos
    turn: str | None = None


class EpisodeTracker:
    """Tracks the episodes of one arena.

    Args:
        scene: The scene's description from the handshake.
        codec: The codec of the game's binary messages.
        options: The environment's options.

    Attributes:
        live: The agents whose episode goes on, in the order of the slots.
    """

    def __init__(self, scene: SceneDescription, codec: MessageCodec, options: Options) -> None:
        self.live: list[str] = []
        self._names = [agent.name for agent in scene.agents]
        self._live_slots: list[int] = []
        self._has_turns = scene.turns
        self._codec = codec
        self._validator = ObservationValidator(scene)
        self._checks = options.checks
        self._puts_masks_in = options.mask_in_observation and codec.has_masks
        self._max_steps = options.max_episode_steps
        self._steps = 0
        self._last_observations: dict[str, Any] = {}

    def on_reset(self, reply: Reply) -> StepResult:
        """Decode the reply to a reset.

        Raises:
            ProtocolError: The reply contradicts itself.
            InvalidObservationError: It holds NaN, or a value outside its space.
        """
        self.live, self._live_slots = [], []
        self._steps = 0
        return self._result_of(reply)

    def on_step(self, reply: Reply) -> StepResult:
        """Decode the reply to a step; raises the same errors as `on_reset`."""
        self._steps += 1
        return self._result_of(reply)

    def _result_of(self, reply: Reply) -> StepResult:
        flags = reply.flags[0].tobytes()
        observed = [slot for slot, flag in enumerate(flags) if flag & OBSERVED]
        # Most often the same agents are present as before.
        slots = observed if observed == self._live_slots else self._present(flags, observed)
        names = [self._names[slot] for slot in slots]
        observations = self._observe(reply, flags, slots, names, is_complete=len(slots) == len(observed))
        infos = self._infos(reply, slots, names)
        over_time = self._max_steps is not None and self._steps >= self._max_steps
        if over_time or flags.translate(None, _QUIET_FLAGS):
            own_flags = [flags[slot] for slot in slots]
            for name, flag in zip(names, own_flags, strict=True):
                if flag & LEFT:
                    infos[name]["left"] = True
            terminated = [flag & TERMINATED != 0 for flag in own_flags]
            truncated = [flag & TRUNCATED != 0 or (over_time and not flag & TERMINATED) for flag in own_flags]
            terminations = dict(zip(names, terminated, strict=True))
            truncations = dict(zip(names, truncated, strict=True))
            live_slots = sorted(
                slot for slot, *ends in zip(slots, terminated, truncated, strict=True) if True not in ends
            )
        else:
            terminations, truncations = dict.fromkeys(names, False), dict.fromkeys(names, False)
            live_slots = slots
        rewards = dict(zip(names, self._validator.rewards(reply, slots), strict=True))
        self._last_observations = observations.copy()
        self._live_slots = live_slots
        self.live = names if live_slots is slots else [self._names[slot] for slot in live_slots]
        return StepResult(observations, rewards, terminations, truncations, infos, self._turn(flags))

    def _present(self, flags: bytes, observed: list[int]) -> list[int]:
        """The slots that take part in a reply: those that were live, then those that joined."""
        known = set(self._live_slots)
        joined = [slot for slot in observed if slot not in known]
        for slot in joined if self._steps else ():
            if not flags[slot] & JOINED:
                raise broken_reply_error(self._names[slot], "an agent that is observed though its episode was over")
        return [*self._live_slots, *joined]

    def _observe(
        self, reply: Reply, flags: bytes, slots: list[int], names: list[str], *, is_complete: bool
    ) -> dict[str, Any]:
        values = self._codec.observations(reply, 0, slots)
        if self._puts_masks_in:
            masks = self._codec.masks(reply, 0, slots)
            wrapped = [
                value if mask is None else {"observation": value, "action_mask": mask}
                for value, mask in zip(values, masks, strict=True)
            ]
        else:
            wrapped = values
        slots_out_of_bounds = self._validator.slots_out_of_bounds(reply, 0) if self._checks else ()
        if slots_out_of_bounds or not is_complete:
            for place, slot in enumerate(slots):
                if not flags[slot] & OBSERVED:
                    if not flags[slot] & LEFT:
                        raise broken_reply_error(names[place], "neither an observation nor that it left")
                    wrapped[place] = self._last_observations[names[place]]
                elif slot in slots_out_of_bounds:
                    self._validator.validate(slot, values[place])
        return dict(zip(names, wrapped, strict=True))

    def _infos(self, reply: Reply, slots: list[int], names: list[str]) -> Infos:
        sent = reply.infos[0]
        infos: Infos = {name: dict(sent.get(name, ())) for name in names} if sent else {name: {} for name in names}
        if self._codec.has_masks:
            for name, mask in zip(names, self._codec.masks(reply, 0, slots), strict=True):
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

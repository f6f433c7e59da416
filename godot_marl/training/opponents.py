"""Who plays a side of a training without learning: earlier selves, scripted and random players."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from godot_marl.envs import ScriptedPolicy
from godot_marl.errors import InvalidOptionError
from godot_marl.protocol import SceneDescription
from godot_marl.training.models import is_masked, load_models
from godot_marl.training.players import Player, PolicyPlayer, RandomPlayer, ScriptedPlayer
from godot_marl.training.settings import OPPONENTS, Settings

# How many earlier selves may play; the oldest but the first gives way.
_MOST_PAST_SELVES = 20


class Opponents:
    """Draws for each episode who plays without learning.

    Args:
        settings: Say how often.
        scene: The scene.
        scripted: The scripted opponent of each policy, where the game has one.
        seed: Seeds what is drawn, and the opponents themselves.

    Raises:
        InvalidOptionError: The settings want a scripted opponent, and the game has none.
    """

    def __init__(
        self, settings: Settings, scene: SceneDescription, scripted: Mapping[str, ScriptedPolicy], seed: int
    ) -> None:
        self._settings = settings
        stages = [settings, *(settings.at(stage["from_step"]) for stage in settings.stages)]
        used = {kind for stage in stages for kind, share in stage.opponents.items() if share > 0}
        self._remembers = "past_selves" in used
        self._scene = scene
        self._rng = np.random.default_rng(seed)
        self._past: list[dict[str, Player]] = []
        missing = sorted({agent.policy for agent in scene.agents} - set(scripted))
        if "scripted" in used and missing:
            raise InvalidOptionError(
                "The game has no scripted opponent.",
                where="scripted in [opponents]",
                expected="one of the examples that come with the package",
                got=f"no scripted opponent for the policy {missing[0]!r}",
                remedy="Leave scripted out, or train against past_selves.",
            )
        self._scripted: dict[str, Player] = {
            policy: ScriptedPlayer(rules, seed + i) for i, (policy, rules) in enumerate(scripted.items())
        }
        self._random: dict[str, Player] = {
            agent.policy: RandomPlayer(agent.action_space, seed + i) for i, agent in enumerate(scene.agents)
        }

    def remember(self, checkpoint: Path) -> None:
        """Let the policies of a checkpoint play in later episodes."""
        if not self._remembers:
            return
        self._past.append(
            {
                policy: PolicyPlayer(model.policy, masked=is_masked(model), deterministic=False)
                for policy, model in load_models(checkpoint, self._scene).items()
            }
        )
        if len(self._past) > _MOST_PAST_SELVES:
            del self._past[1]

    def draw(self, sides: Mapping[str, Sequence[str]], step: int = 0) -> dict[str, Player]:
        """The players of one side; empty where everybody learns, as always in a scene with one side.

        Args:
            sides: The agents of each side.
            step: How many steps the training has made, which decides its stage.
        """
        settings = self._settings.at(step)
        shares = [settings.opponents.get(kind, 0.0) for kind in OPPONENTS]
        kind = int(self._rng.choice(1 + len(OPPONENTS), p=[*shares, 1.0 - sum(shares)]))
        if len(sides) < 2 or kind == len(OPPONENTS) or (kind == 0 and not self._past):
            return {}
        past = self._past[self._rng.integers(len(self._past))] if kind == 0 else {}
        by_policy = (past, self._scripted, self._random)[kind]
        side = self._rng.choice(list(settings.opponent_sides) or list(sides))
        policies = {agent.name: agent.policy for agent in self._scene.agents}
        return {name: by_policy[policies[name]] for name in sides[side]}

"""The opponents of a training run, which do not learn: earlier selves, scripted and random players."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from godot_marl.envs import ScriptedPolicy
from godot_marl.errors import InvalidOptionError
from godot_marl.protocol.messages import SceneDescription
from godot_marl.training.config import OPPONENTS, TrainingConfig
from godot_marl.training.models import is_masked, load_models
from godot_marl.training.players import Player, PolicyPlayer, RandomPlayer, ScriptedPlayer

# Limits memory: beyond this number the oldest but the first is dropped.
_MAX_PAST_SELVES = 20


class Opponents:
    """Draws the opponents of each episode.

    Args:
        settings: The training settings, which have the opponents' shares.
        scene: The scene.
        scripted: The scripted opponent of each policy, where the game has one.
        seed: Seeds the draws, and the opponents themselves.

    Raises:
        InvalidOptionError: The settings have a scripted opponent, and the game has none.
    """

    def __init__(
        self, settings: TrainingConfig, scene: SceneDescription, scripted: Mapping[str, ScriptedPolicy], seed: int
    ) -> None:
        self._settings = settings
        stages = [settings, *(settings.at(stage["from_step"]) for stage in settings.stages)]
        used = {kind for stage in stages for kind, share in stage.opponents.items() if share > 0}
        self._uses_past_selves = "past_selves" in used
        self._scene = scene
        self._rng = np.random.default_rng(seed)
        self._past_selves: list[dict[str, Player]] = []
        missing = sorted({agent.policy for agent in scene.agents} - set(scripted))
        if "scripted" in used and missing:
            raise InvalidOptionError(
                "The game has no scripted opponent.",
                where="scripted in [opponents]",
                expected="one of the examples that come with the package",
                got=f"no scripted opponent for the policy {missing[0]!r}",
                remedy="Remove scripted, or train against past_selves.",
            )
        self._scripted: dict[str, Player] = {
            policy: ScriptedPlayer(rules, seed + i) for i, (policy, rules) in enumerate(scripted.items())
        }
        self._random: dict[str, Player] = {
            agent.policy: RandomPlayer(agent.action_space, seed + i) for i, agent in enumerate(scene.agents)
        }

    def remember(self, checkpoint: Path) -> None:
        """Add the policies of a checkpoint to the past selves."""
        if not self._uses_past_selves:
            return
        self._past_selves.append(
            {
                policy: PolicyPlayer(model.policy, masked=is_masked(model), deterministic=False)
                for policy, model in load_models(checkpoint, self._scene).items()
            }
        )
        if len(self._past_selves) > _MAX_PAST_SELVES:
            del self._past_selves[1]

    def draw(self, sides: Mapping[str, Sequence[str]], step: int = 0) -> dict[str, Player]:
        """Draw the opponents of an episode.

        Args:
            sides: The agents of each side.
            step: The run's environment steps so far, which decide its stage.

        Returns:
            The opponents that play one side, by agent; empty where all agents learn, as always in a scene with one
            side.
        """
        settings = self._settings.at(step)
        shares = [settings.opponents.get(kind, 0.0) for kind in OPPONENTS]
        kind = (*OPPONENTS, "none")[int(self._rng.choice(1 + len(OPPONENTS), p=[*shares, 1.0 - sum(shares)]))]
        if len(sides) < 2 or kind == "none" or (kind == "past_selves" and not self._past_selves):
            return {}
        if kind == "past_selves":
            by_policy = self._past_selves[self._rng.integers(len(self._past_selves))]
        else:
            by_policy = self._scripted if kind == "scripted" else self._random
        side = self._rng.choice(list(settings.opponent_sides) or list(sides))
        policies = {agent.name: agent.policy for agent in self._scene.agents}
        return {name: by_policy[policies[name]] for name in sides[side]}

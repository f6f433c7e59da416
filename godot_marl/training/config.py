"""The settings of a training run, as a game's train.toml has them."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from godot_marl.errors import InvalidOptionError
from godot_marl.protocol.messages import SceneDescription

_COUNTS = ("steps", "max_episode_steps", "checkpoint_every", "processes", "best_of")
_TABLES = ("opponents", "sides", "ppo", "policies")
_STAGE_KEYS = ("from_step", "opponents", "opponent_sides", "ppo", "policies")
# The arguments of PPO that a stage may change.
CHANGEABLE = ("learning_rate", "ent_coef", "n_epochs", "batch_size", "gamma", "gae_lambda", "n_steps")
# The kinds of opponents that play a side without learning.
OPPONENTS = ("past_selves", "scripted", "random")


@dataclass(frozen=True)
class TrainingConfig:
    """How to train the agents of a scene.

    Attributes:
        steps: Environment steps of the training run, at least 1.
        max_episode_steps: Steps until an episode is truncated, where the scene sets no lower limit.
        checkpoint_every: Environment steps between two checkpoints.
        best_of: Number of checkpoints, spread over the run, among which the best is selected for each policy: the one
            with the highest return against the scripted opponents, or against random players where there are none. 1
            selects the last checkpoint.
        processes: Number of games that run at once; their steps are counted together.
        deterministic: Whether trained policies take their likeliest action in evaluation, in play and in videos.
        opponents: The share of episodes, from 0 to 1, in which an opponent that does not learn plays one of several
            sides: `past_selves` (an earlier checkpoint), `scripted` (an example's scripted opponent), `random`.
        opponent_sides: The sides that opponents play; empty for any. Each entry has the same probability, so a side
            that is listed several times has more weight.
        sides: The names of the agents of each side, which play together. Empty: one side for each policy.
        ppo: Arguments of stable-baselines3's PPO, for every policy; `n_steps` counts environment steps.
        policies: Arguments of PPO for single policies, by policy name.
        stages: Changes of the settings at some step. Each has `from_step`, and any of `opponents` and `opponent_sides`,
            which replace the earlier ones, and `ppo` and `policies`, whose arguments are merged into the earlier ones.
    """

    steps: int = 100_000
    max_episode_steps: int = 10_000
    checkpoint_every: int = 50_000
    best_of: int = 1
    processes: int = 1
    deterministic: bool = True
    opponents: Mapping[str, float] = field(default_factory=dict)
    opponent_sides: Sequence[str] = field(default_factory=list)
    sides: Mapping[str, list[str]] = field(default_factory=dict)
    ppo: Mapping[str, Any] = field(default_factory=dict)
    policies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    stages: Sequence[Mapping[str, Any]] = field(default_factory=list)

    @classmethod
    def load(cls, path: Path) -> TrainingConfig:
        """Read a settings file.

        Raises:
            InvalidOptionError: The file does not exist, is not TOML, or has an unknown key or value.
        """
        try:
            given = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise _error(str(path), "a TOML file", str(error)) from error
        return cls.of(given, str(path))

    @classmethod
    def of_game(cls, game: Path, scene: str | None) -> TrainingConfig:
        """Read the settings that come with a game: its train.SCENE.toml or train.toml, or the defaults.

        Args:
            game: The project's folder.
            scene: A scene other than the main one, such as `several_carts.tscn`.

        Raises:
            InvalidOptionError: The file is not TOML, or has an unknown key or value.
        """
        names = [f"train.{Path(scene).stem}.toml"] if scene else []
        for name in (*names, "train.toml"):
            if (game / name).is_file():
                return cls.load(game / name)
        return cls()

    @classmethod
    def of(cls, given: Mapping[str, Any], where: str) -> TrainingConfig:
        """Validate the settings of a file.

        Args:
            given: The file's keys and values.
            where: The file, for error messages.

        Raises:
            InvalidOptionError: A key is unknown, or a value is invalid.
        """
        known = [member.name for member in dataclasses.fields(cls)]
        unknown = sorted(set(given) - set(known))
        if unknown:
            raise _error(where, f"the keys {', '.join(known)}", ", ".join(unknown))
        for key in _COUNTS:
            value = given.get(key, 1)
            if not _is_count(value):
                raise _error(where, f"{key} as an integer of at least 1", repr(value))
        for key in _TABLES:
            if not isinstance(given.get(key, {}), Mapping):
                raise _error(where, f"a table [{key}]", repr(given[key]))
        if not isinstance(given.get("deterministic", True), bool):
            raise _error(where, "deterministic as true or false", repr(given["deterministic"]))
        shares = given.get("opponents", {})
        if set(shares) - set(OPPONENTS) or not all(map(_is_share, shares.values())) or sum(shares.values()) > 1:
            expected = f"a share from 0 to 1 for {', '.join(OPPONENTS)} in [opponents], at most 1 in all"
            raise _error(where, expected, str(shares))
        if not _is_list_of_names(given.get("opponent_sides", [])):
            raise _error(where, "opponent_sides as a list of sides", repr(given["opponent_sides"]))
        for side, names in given.get("sides", {}).items():
            if not names or not _is_list_of_names(names):
                raise _error(where, f"{side} in [sides] as a list of agents' names", repr(names))
        if not _is_count(given.get("ppo", {}).get("n_steps", 1)):
            raise _error(where, "n_steps in [ppo] as an integer of at least 1", repr(given["ppo"]["n_steps"]))
        for policy, arguments in given.get("policies", {}).items():
            if not isinstance(arguments, Mapping) or "n_steps" in arguments:
                raise _error(where, f"a table [policies.{policy}] without n_steps", repr(arguments))
        settings = cls(**given)
        settings._check_stages(where)
        return settings

    def _check_stages(self, where: str) -> None:
        if not isinstance(self.stages, list) or not all(isinstance(stage, Mapping) for stage in self.stages):
            raise _error(where, "tables [[stages]]", repr(self.stages))
        last_step = 0
        for stage in self.stages:
            unknown = sorted(set(stage) - set(_STAGE_KEYS))
            if unknown:
                raise _error(f"{where}, [[stages]]", f"the keys {', '.join(_STAGE_KEYS)}", ", ".join(unknown))
            from_step = stage.get("from_step")
            if not _is_count(from_step) or from_step <= last_step:
                raise _error(f"{where}, [[stages]]", f"from_step as an integer above {last_step}", repr(from_step))
            last_step = from_step
            tables = {key: value for key, value in stage.items() if key != "from_step"}
            TrainingConfig.of(tables, f"{where}, the stage from step {from_step}")
            for arguments in (stage.get("ppo", {}), *stage.get("policies", {}).values()):
                unchangeable = set(arguments) - set(CHANGEABLE)
                if unchangeable or not all(map(_is_non_negative, arguments.values())):
                    expected = f"arguments that may change while a model learns, as numbers: {', '.join(CHANGEABLE)}"
                    raise _error(f"{where}, the stage from step {from_step}", expected, str(dict(arguments)))

    def at(self, step: int) -> TrainingConfig:
        """Return the settings that apply at a step, without stages."""
        ppo, policies = dict(self.ppo), {name: dict(arguments) for name, arguments in self.policies.items()}
        opponents, opponent_sides = self.opponents, self.opponent_sides
        for stage in self.stages:
            if stage["from_step"] > step:
                break
            opponents = stage.get("opponents", opponents)
            opponent_sides = stage.get("opponent_sides", opponent_sides)
            ppo |= stage.get("ppo", {})
            for name, arguments in stage.get("policies", {}).items():
                policies[name] = policies.get(name, {}) | arguments
        return dataclasses.replace(
            self, opponents=opponents, opponent_sides=opponent_sides, ppo=ppo, policies=policies, stages=[]
        )

    @property
    def n_steps(self) -> int:
        """Environment steps between two updates of the policies."""
        return int(self.ppo.get("n_steps", 2048))

    def arguments_of(self, policy: str) -> dict[str, Any]:
        """Return the arguments of PPO for one policy."""
        return {**self.ppo, "n_steps": self.n_steps, **self.policies.get(policy, {})}

    def sides_of(self, scene: SceneDescription) -> dict[str, list[str]]:
        """Return the names of the agents of each side: every agent of the scene belongs to exactly one.

        Raises:
            InvalidOptionError: The settings name an agent twice or omit one, or name an agent, a policy or a side that
                the scene does not have.
        """
        policies = list(dict.fromkeys(agent.policy for agent in scene.agents))
        stages = [self, *(self.at(stage["from_step"]) for stage in self.stages)]
        unknown = sorted({policy for stage in stages for policy in stage.policies} - set(policies))
        if unknown:
            raise _error("[policies]", f"policies of the scene: {', '.join(policies)}", ", ".join(unknown))
        sides = self._sides_of(scene, policies)
        unknown = sorted({side for stage in stages for side in stage.opponent_sides} - set(sides))
        if unknown:
            raise _error("opponent_sides", f"sides: {', '.join(sides)}", ", ".join(unknown))
        return sides

    def _sides_of(self, scene: SceneDescription, policies: Sequence[str]) -> dict[str, list[str]]:
        if not self.sides:
            return {policy: [agent.name for agent in scene.agents if agent.policy == policy] for policy in policies}
        named = sorted(name for names in self.sides.values() for name in names)
        names = sorted(agent.name for agent in scene.agents)
        if named != names:
            raise _error("[sides]", f"each agent once: {', '.join(names)}", ", ".join(named))
        return {side: list(members) for side, members in self.sides.items()}


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_non_negative(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0


def _is_list_of_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _is_share(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1


def _error(where: str, expected: str, got: str) -> InvalidOptionError:
    return InvalidOptionError("The settings cannot be used.", where=where, expected=expected, got=got)

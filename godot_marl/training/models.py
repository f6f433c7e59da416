"""One PPO for each policy of a scene: makes, saves and loads them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium
from gymnasium import spaces
from sb3_contrib import MaskablePPO
from stable_baselines3 import PPO
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.utils import ConstantSchedule

from godot_marl.errors import InvalidOptionError, SceneError
from godot_marl.protocol import AgentDescription, SceneDescription
from godot_marl.training.settings import CHANGEABLE, Settings

Models = dict[str, OnPolicyAlgorithm]

# A policy's name becomes that of a file, and the scene must not choose where it is.
_POLICY_NAME = re.compile(r"\w(?:[\w .+-]{0,98}[\w+-])?")
_ACTION_SPACES = (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)


class _Spaces(gymnasium.Env[Any, Any]):
    """Tells stable-baselines3 what a policy's spaces are; nobody plays it."""

    def __init__(self, agent: AgentDescription) -> None:
        self.observation_space = agent.observation_space
        self.action_space = agent.action_space


def representatives(scene: SceneDescription) -> dict[str, AgentDescription]:
    """One agent for each policy.

    Raises:
        InvalidOptionError: Agents that share a policy have different spaces, or spaces that PPO cannot learn.
        SceneError: A policy has a name that no file can have.
    """
    found: dict[str, AgentDescription] = {}
    for agent in scene.agents:
        if not _POLICY_NAME.fullmatch(agent.policy):
            raise SceneError(
                "A policy has a name that no file can have.",
                where=f"{agent.path}.get_policy_name()",
                expected="letters, digits, _, -, + and, within the name, dots and spaces: at most 100",
                got=repr(agent.policy),
                remedy="Let get_policy_name() answer a name like 'goalkeeper': its model is saved under it.",
            )
        first = found.setdefault(agent.policy, agent)
        for what, one, other in (
            ("observation space", first.observation_space, agent.observation_space),
            ("action space", first.action_space, agent.action_space),
            ("size of the action mask", first.action_mask, agent.action_mask),
        ):
            if one != other:
                raise InvalidOptionError(
                    "Agents that share a policy must have the same spaces.",
                    where=f"{first.name} and {agent.name}, policy {agent.policy!r}",
                    expected=f"the {what} {one}",
                    got=str(other),
                    remedy="Let get_policy_name() answer another name for each kind of agent.",
                )
        if not isinstance(agent.action_space, _ACTION_SPACES) or isinstance(agent.observation_space, spaces.Tuple):
            raise InvalidOptionError(
                "PPO cannot learn an agent with these spaces.",
                where=agent.name,
                expected="a Box, Discrete, MultiDiscrete or MultiBinary action, and no Tuple observation",
                got=f"{agent.action_space} for {agent.observation_space}",
            )
    return found


def new_models(scene: SceneDescription, settings: Settings, seed: int) -> Models:
    """Models that have learned nothing yet: MaskablePPO where agents have action masks, else PPO.

    Raises:
        InvalidOptionError: The scene's spaces do not fit, or PPO does not know an argument of the settings.
    """
    return {
        policy: _new_model(policy, agent, settings, seed + i)
        for i, (policy, agent) in enumerate(representatives(scene).items())
    }


def _new_model(policy: str, agent: AgentDescription, settings: Settings, seed: int) -> OnPolicyAlgorithm:
    algorithm = MaskablePPO if agent.action_mask else PPO
    network = "MultiInputPolicy" if isinstance(agent.observation_space, spaces.Dict) else "MlpPolicy"
    try:
        # Only n_steps sizes a buffer, and each update makes one of its own size.
        arguments = {**settings.arguments_of(policy), "n_steps": max(2, settings.n_steps)}
        return algorithm(network, _Spaces(agent), seed=seed, device="cpu", **arguments)
    except (TypeError, ValueError, AssertionError) as error:
        raise InvalidOptionError(
            "The settings cannot be used.",
            where=f"[ppo] or [policies.{policy}]",
            expected=f"arguments of {algorithm.__name__}",
            got=str(error),
        ) from error


def tune_models(models: Mapping[str, OnPolicyAlgorithm], settings: Settings) -> None:
    """Let models learn with the settings' arguments from now on, as far as these may change."""
    for policy, model in models.items():
        arguments = settings.arguments_of(policy)
        for name in set(CHANGEABLE) & set(arguments) - {"n_steps", "learning_rate"}:
            setattr(model, name, arguments[name])
        if "learning_rate" in arguments:
            rate = float(arguments["learning_rate"])
            model.learning_rate = rate
            model.lr_schedule = ConstantSchedule(rate)


def is_masked(model: OnPolicyAlgorithm) -> bool:
    """Whether a model takes action masks."""
    return isinstance(model, MaskablePPO)


def save_models(models: Mapping[str, OnPolicyAlgorithm], folder: Path) -> None:
    """Save each model as POLICY.zip."""
    for policy, model in models.items():
        # What a rollout held is large, and of no use later.
        model.save(folder / f"{policy}.zip", exclude=["rollout_buffer"])


def load_models(folder: Path, scene: SceneDescription) -> Models:
    """Load the model of each policy of a scene.

    Raises:
        InvalidOptionError: A policy has no model there, or one with other spaces.
    """
    models: Models = {}
    for policy, agent in representatives(scene).items():
        path = folder / f"{policy}.zip"
        algorithm = MaskablePPO if agent.action_mask else PPO
        try:
            model = algorithm.load(path, device="cpu")
        except (OSError, ValueError, KeyError) as error:
            raise InvalidOptionError(
                "The model could not be loaded.",
                where=str(path),
                expected=f"the model of the policy {policy!r}, as `godot-marl train` wrote it",
                got=f"{type(error).__name__}: {error}",
            ) from error
        if model.observation_space != agent.observation_space or model.action_space != agent.action_space:
            raise InvalidOptionError(
                "The model was trained with other spaces than the scene has now.",
                where=str(path),
                expected=f"{agent.action_space} for {agent.observation_space}",
                got=f"{model.action_space} for {model.observation_space}",
                remedy="Train it again, or give the scene that it was trained on.",
            )
        models[policy] = model
    return models

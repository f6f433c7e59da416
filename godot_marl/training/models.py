"""Makes, saves and loads the models of a scene: one PPO for each policy."""

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
from godot_marl.protocol.messages import AgentDescription, SceneDescription
from godot_marl.training.config import CHANGEABLE, TrainingConfig

Models = dict[str, OnPolicyAlgorithm]

# A policy's name becomes a file's name, and a scene must not write outside of the folder.
_POLICY_NAME = re.compile(r"\w(?:[\w .+-]{0,98}[\w+-])?")
# The spaces for which stable-baselines3 has inputs and outputs of a network.
_LEAVES = (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)


class _Spaces(gymnasium.Env[Any, Any]):
    """Holds a policy's spaces for stable-baselines3; it is never reset or stepped."""

    def __init__(self, agent: AgentDescription) -> None:
        self.observation_space = agent.observation_space
        self.action_space = agent.action_space


def representatives(scene: SceneDescription) -> dict[str, AgentDescription]:
    """Return the first agent of each policy.

    Raises:
        InvalidOptionError: Agents that share a policy have different spaces, or spaces that PPO cannot learn.
        InvalidSpaceError: An agent has an action mask that its action space does not take.
        SceneError: A policy's name cannot be a file's name.
    """
    representative: dict[str, AgentDescription] = {}
    for agent in scene.agents:
        if not _POLICY_NAME.fullmatch(agent.policy):
            raise SceneError(
                "A policy's name cannot be a file's name.",
                where=f"{agent.path}.get_policy_name()",
                expected="letters, digits, _, -, + and, within the name, dots and spaces: at most 100",
                got=repr(agent.policy),
                remedy="Return a name like 'goalkeeper' from get_policy_name(): the model's file has that name.",
            )
        first = representative.setdefault(agent.policy, agent)
        for what, expected, got in (
            ("observation space", first.observation_space, agent.observation_space),
            ("action space", first.action_space, agent.action_space),
            ("size of the action mask", first.action_mask, agent.action_mask),
        ):
            if expected != got:
                raise InvalidOptionError(
                    "Agents that share a policy must have the same spaces.",
                    where=f"{first.name} and {agent.name}, policy {agent.policy!r}",
                    expected=f"the {what} {expected}",
                    got=str(got),
                    remedy="Return another name from get_policy_name() for each kind of agent.",
                )
        observed = agent.observation_space
        members = observed.spaces.values() if isinstance(observed, spaces.Dict) else [observed]
        if not _can_learn(agent.action_space) or not all(map(_can_learn, members)):
            raise InvalidOptionError(
                "PPO cannot learn an agent with these spaces.",
                where=agent.name,
                expected="a Box, Discrete, MultiDiscrete or MultiBinary action, and such an observation or a Dict of "
                "them; each Discrete starts at 0",
                got=f"{agent.action_space} for {observed}",
                remedy="Change the spaces in the scene, or give action_space= and observation_space= in Python.",
            )
        agent.check_mask()
    return representative


def _can_learn(space: spaces.Space[Any]) -> bool:
    # The networks have an output, or an input, for each integer from 0.
    return isinstance(space, _LEAVES) and not (isinstance(space, spaces.Discrete) and space.start)


def new_models(scene: SceneDescription, settings: TrainingConfig, seed: int) -> Models:
    """Make untrained models: MaskablePPO where agents have action masks, else PPO.

    Raises:
        InvalidOptionError: PPO cannot learn the scene's spaces, or rejects an argument of the settings.
        SceneError: A policy's name cannot be a file's name.
    """
    return {
        policy: _new_model(policy, agent, settings, seed + i)
        for i, (policy, agent) in enumerate(representatives(scene).items())
    }


def _new_model(policy: str, agent: AgentDescription, settings: TrainingConfig, seed: int) -> OnPolicyAlgorithm:
    algorithm = MaskablePPO if agent.action_mask else PPO
    network = "MultiInputPolicy" if isinstance(agent.observation_space, spaces.Dict) else "MlpPolicy"
    try:
        # n_steps only sizes the model's buffer, which each update replaces; PPO rejects 1.
        arguments = {**settings.arguments_of(policy), "n_steps": max(2, settings.n_steps)}
        return algorithm(network, _Spaces(agent), seed=seed_of_libraries(seed), device="cpu", **arguments)
    except (TypeError, ValueError, AssertionError) as error:
        raise InvalidOptionError(
            "The settings cannot be used.",
            where=f"[ppo] or [policies.{policy}]",
            expected=f"arguments of {algorithm.__name__}",
            got=str(error),
        ) from error


def seed_of_libraries(seed: int) -> int:
    """The seed of the global generators that stable-baselines3 seeds: NumPy's has 32 bits."""
    return seed % 2**32


def tune_models(models: Mapping[str, OnPolicyAlgorithm], settings: TrainingConfig) -> None:
    """Set the changeable arguments of models to those of the settings."""
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
        # The buffer is large, and the next update replaces it.
        model.save(folder / f"{policy}.zip", exclude=["rollout_buffer"])


def load_models(folder: Path, scene: SceneDescription) -> Models:
    """Load the model of each policy of a scene.

    Raises:
        InvalidOptionError: A policy's model is missing or unreadable, or has other spaces than the scene.
        SceneError: A policy's name cannot be a file's name.
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
                remedy="Train it again, or use the scene that it was trained on.",
            )
        models[policy] = model
    return models

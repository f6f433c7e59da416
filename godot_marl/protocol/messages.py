"""The control messages of the handshake as Python objects, and constants (`docs/protocol.md`, sections 1 and 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces

from godot_marl.protocol.codec import MessageCodec
from godot_marl.protocol.space_kinds.registry import leaf_kind_of
from godot_marl.protocol.spaces import to_wire
from godot_marl.version import __version__

# Clauses 1.2 and 1.6 of docs/protocol.md.
PROTOCOL = 1
SUBPROTOCOL_PREFIX = "godot-marl.v"
SUBPROTOCOL = f"{SUBPROTOCOL_PREFIX}{PROTOCOL}"
CLOSE_VERSION = 4001
CLOSE_PROTOCOL = 4002
# Bytes after the handshake, clause 1.7: of the JSON in a message, and of an image.
LONGEST_TEXT = 1 << 24
LONGEST_IMAGE = 1 << 26
SpaceOption = spaces.Space[Any] | Mapping[str, spaces.Space[Any]] | None


@dataclass(frozen=True)
class Configuration:
    """The content of the configure message (docs/protocol.md, 2.2).

    Attributes:
        arenas: The number of arenas, at least 1.
        step_length: Physics frames in a step; None for the game's value.
        physics_fps: Physics frames in a second; None for the game's value.
        real_time: Whether a person watches, so that the game runs in real time.
        turn_timeout: In a scene with turns: seconds of the game until an agent must have the turn.
        human_agents: Names of the agents that a person plays.
        layout: "separate": each arena in its own world; "shared": all arenas side by side in one world.
        exact_reset: Whether each reset makes a new instance of the arena.
        action_space: Replaces the action spaces of the scene: one for all agents, by agent name, or None.
        observation_space: Replaces the observation spaces of the scene in the same way.
    """

    arenas: int = 1
    step_length: int | None = None
    physics_fps: int | None = None
    real_time: bool = False
    turn_timeout: float = 10.0
    human_agents: Sequence[str] = ()
    layout: str = "separate"
    exact_reset: bool = False
    action_space: SpaceOption = None
    observation_space: SpaceOption = None

    def to_message(self) -> dict[str, Any]:
        """The configure message as a JSON object."""
        return {
            "type": "configure",
            "protocol": PROTOCOL,
            "package_version": __version__,
            "arenas": self.arenas,
            "step_length": self.step_length,
            "physics_fps": self.physics_fps,
            "real_time": self.real_time,
            "turn_timeout": self.turn_timeout,
            "human_agents": list(self.human_agents),
            "layout": self.layout,
            "exact_reset": self.exact_reset,
            "action_spaces": _spaces_to_wire(self.action_space, "action_space"),
            "observation_spaces": _spaces_to_wire(self.observation_space, "observation_space"),
        }


@dataclass(frozen=True)
class AgentDescription:
    """One agent in the scene message (docs/protocol.md, 2.3).

    Attributes:
        name: The agent's name in PettingZoo.
        path: The agent's node path in the scene.
        policy: The name of its policy, which agents may share.
        observation_space: The observation space, without the action mask.
        action_space: The action space.
        action_mask: The number of elements of the action mask; 0 for none.
    """

    name: str
    path: str
    policy: str
    observation_space: spaces.Space[Any]
    action_space: spaces.Space[Any]
    action_mask: int = 0

    def sample_mask(self, mask: np.ndarray[Any, Any]) -> Any:
        """An action mask of the agent as `action_space.sample` takes it.

        Raises:
            InvalidSpaceError: The action space does not take this mask.
        """
        where = f"{self.path}.get_action_mask()"
        return leaf_kind_of(self.action_space, where).sample_mask(self.action_space, mask, where)

    def check_mask(self) -> None:
        """Check that the action space takes the agent's mask, if there is one.

        Raises:
            InvalidSpaceError: It does not.
        """
        if self.action_mask:
            self.sample_mask(np.ones(self.action_mask, np.int8))


@dataclass(frozen=True)
class SceneDescription:
    """The content of the hello and scene messages (docs/protocol.md, 2.1 and 2.3).

    Attributes:
        agents: The agents, in the order of their slots.
        step_length: Physics frames in a step.
        physics_fps: Physics frames in a second.
        arenas: The number of arenas.
        state_space: The space of an arena's state; None if the scene has no state.
        turns: Whether the agents take turns.
        takes_options: Whether the scene reads a reset's options.
        settle_frames: Physics frames between a reset and its first observation.
        warnings: Warnings about the scene, as sentences.
        engine: The version of Godot.
        addon_version: The version of the addon.
        debug: Whether the game is a debug build.
    """

    agents: tuple[AgentDescription, ...]
    step_length: int
    physics_fps: int
    arenas: int = 1
    state_space: spaces.Space[Any] | None = None
    turns: bool = False
    takes_options: bool = False
    settle_frames: int = 0
    warnings: tuple[str, ...] = ()
    engine: str = ""
    addon_version: str = ""
    debug: bool = True

    def make_codec(self) -> MessageCodec:
        """Make the codec of the binary messages."""
        return MessageCodec(
            self.arenas,
            [agent.action_space for agent in self.agents],
            [agent.observation_space for agent in self.agents],
            [agent.action_mask for agent in self.agents],
            self.state_space,
        )


def _spaces_to_wire(option: SpaceOption, name: str) -> dict[str, Any]:
    if option is None:
        return {}
    if isinstance(option, spaces.Space):
        return {"*": to_wire(option, name)}
    return {agent: to_wire(space, f"{name}[{agent!r}]") for agent, space in option.items()}

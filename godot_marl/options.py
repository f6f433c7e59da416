"""The options that every form of an environment accepts."""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gymnasium import spaces

from godot_marl.errors import InvalidOptionError
from godot_marl.protocol.seeds import validate_optional_seed
from godot_marl.transport.tls import Tls, is_tls

RENDER_MODES = ("human", "rgb_array")

Game = str | os.PathLike[str] | None


@dataclass(frozen=True)
class Options:
    """How to start a game and how the environment behaves.

    Attributes:
        scene: The scene to run, as `res://...` or a path in the project; None for the project's main scene.
        engine: The Godot executable; None finds one, or installs one if none is found.
        command: The full command that starts the game, instead of `game`: a list, or a string that is split as a shell
            splits it. No shell runs it.
        host: The address to listen on. An address that other machines can reach logs a warning and needs a token.
        port: The port to listen on, 0 to 65535; 0 lets the system choose. None: 0, or 8000 for a game that the user
            starts.
        token: The secret that the game must send, in visible ASCII characters (docs/protocol.md, 1.3). None: a random
            token for a game that Python starts, and no token for a game that the user starts on this machine.
        ssl: Encrypts the connection: the paths of a certificate and its key, or a server's `ssl.SSLContext` (which
            cannot be pickled). A game that Python starts trusts this certificate, or the one that the environment
            variable GODOT_MARL_CERTIFICATE names.
        step_length: Physics frames in a step, at least 1; None for the bridge's value.
        physics_fps: Physics frames in a second of the game, at least 1; None for the project's value.
        human_agents: Names of the agents that a person plays through `get_human_action()`; their actions in `step` are
            ignored. A person needs a window: render_mode="human", or a game that the user starts.
        render_mode: None, "human" (a window in real time) or "rgb_array" (`render` returns images).
        render_size: (width, height) of the window and of images, in pixels; None for the project's size.
        render_path: The folder where `render` also saves each image as 0.png, 1.png, ... (a vector environment has a
            subfolder for each arena: 0/0.png, 1/0.png, ...). The first image creates the folder.
        action_space: Replaces the action spaces of the scene: one space for all agents, or a dictionary by agent name.
        observation_space: Replaces the observation spaces of the scene in the same way.
        start_timeout: Seconds until the game must have connected, and seconds for an import before that. None: 60, or
            300 for a game that the user starts; 600 for an import.
        step_timeout: Seconds until the game must have replied to a request.
        turn_timeout: In a scene with turns: seconds of the game until an agent must have the turn.
        seed: Seeds the generator that draws the seeds of resets without a seed, 0 to 2**63 - 1; None for a random seed.
        max_episode_steps: The number of steps, at least 1, after which all live agents are truncated; None for no
            limit.
        exact_reset: Begin every episode with a new instance of the scene in its own world, so that seed, options and
            actions determine the episode bit for bit. Slower, and the scene's `_ready` runs in every episode.
        checks: Check each action before sending it, and each observation on arrival.
        mask_in_observation: Agents with an action mask have the observation space
            `Dict(observation=..., action_mask=...)`.
    """

    scene: str | None = None
    engine: str | os.PathLike[str] | None = None
    command: str | Sequence[str] | None = None
    host: str = "127.0.0.1"
    port: int | None = None
    # A secret: not in the repr, which may be logged.
    token: str | None = field(default=None, repr=False)
    ssl: Tls | None = None
    step_length: int | None = None
    physics_fps: int | None = None
    human_agents: Sequence[str] = ()
    render_mode: str | None = None
    render_size: tuple[int, int] | None = None
    render_path: str | os.PathLike[str] | None = None
    action_space: spaces.Space[Any] | Mapping[str, spaces.Space[Any]] | None = None
    observation_space: spaces.Space[Any] | Mapping[str, spaces.Space[Any]] | None = None
    start_timeout: float | None = None
    step_timeout: float = 60.0
    turn_timeout: float = 10.0
    seed: int | None = None
    max_episode_steps: int | None = None
    exact_reset: bool = False
    checks: bool = True
    mask_in_observation: bool = True

    @classmethod
    def from_kwargs(cls, given: Mapping[str, Any], own: Sequence[str] = ()) -> Options:
        """Make validated options from keyword arguments.

        Args:
            given: The options by name.
            own: The names of further options of the caller, which the error about an unknown name lists too.

        Raises:
            InvalidOptionError: An option is unknown, or has an invalid value.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        for name in given:
            if name not in known:
                known = [*own, *known]
                matches = difflib.get_close_matches(name, known, n=1)
                raise InvalidOptionError(
                    "There is no option of this name.",
                    where=name,
                    expected=", ".join(known),
                    got=repr(name),
                    remedy=f"Did you mean {matches[0]}?" if matches else None,
                )
        seed = validate_optional_seed(given.get("seed"), "seed")
        options = cls(**{**given, "seed": seed})
        options._validate()
        return options

    def _validate(self) -> None:
        for name in ("step_length", "physics_fps", "max_episode_steps"):
            value = getattr(self, name)
            _require(value is None or _is_int(value, 1), name, "an integer of at least 1, or None", value)
        for name in ("start_timeout", "step_timeout", "turn_timeout"):
            value = getattr(self, name)
            is_valid = (_is_number(value) and value > 0) or (value is None and name == "start_timeout")
            _require(is_valid, name, "a number of seconds above 0", value)
        _require(self.port is None or (_is_int(self.port, 0) and self.port < 65536), "port", "0 to 65535", self.port)
        _require(
            self.render_mode is None or self.render_mode in RENDER_MODES,
            "render_mode",
            "None, 'human' or 'rgb_array'",
            self.render_mode,
        )
        names = self.human_agents
        are_names = isinstance(names, Sequence) and not isinstance(names, str)
        are_names = are_names and all(isinstance(name, str) for name in names)
        _require(are_names, "human_agents", "a list of agent names", names)
        size = self.render_size
        is_size = isinstance(size, Sequence) and len(size) == 2 and all(_is_int(pixels, 1) for pixels in size)
        _require(size is None or is_size, "render_size", "(width, height) in pixels", size)
        for name in ("exact_reset", "checks", "mask_in_observation"):
            value = getattr(self, name)
            _require(isinstance(value, bool), name, "True or False", value)
        _require(isinstance(self.host, str) and self.host != "", "host", "an address", self.host)
        # The error does not show the token.
        _require(self.token is None or _is_token(self.token), "token", "visible ASCII characters", "another value")
        expected = "the paths of a certificate and its key, or a server's ssl.SSLContext"
        _require(self.ssl is None or is_tls(self.ssl), "ssl", expected, self.ssl)
        _require(
            self.scene is None or (isinstance(self.scene, str) and self.scene.endswith((".tscn", ".scn"))),
            "scene",
            "the path of a .tscn or .scn file in the project",
            self.scene,
        )


def _is_int(value: object, minimum: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= minimum


def _is_token(value: object) -> bool:
    """Whether an HTTP header can carry the value."""
    return isinstance(value, str) and value.isascii() and value.isprintable() and value.strip() == value != ""


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _require(is_valid: bool, name: str, expected: str, got: object) -> None:
    if not is_valid:
        raise InvalidOptionError(
            "An option has a value that cannot work.", where=name, expected=expected, got=repr(got)
        )

"""The options that every form of an environment takes."""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gymnasium import spaces

from godot_marl.errors import InvalidOptionError
from godot_marl.tls import Tls, is_tls

RENDER_MODES = ("human", "rgb_array")

Game = str | os.PathLike[str] | None


@dataclass(frozen=True)
class Options:
    """How to start a game and what to ask of it.

    Attributes:
        scene: The scene to run, as `res://...` or a path in the project; None for the project's main scene.
        engine: The Godot executable; None to find one, and to install one if there is none.
        command: A full command to start the game with, instead of `game`: a list, or a string that is split as a shell
            would. No shell runs it.
        host: The address to listen on. One that other machines can reach is warned of, and needs a token.
        port: The port to listen on; 0 lets the system choose. None: 0, or 8000 for a game that the user starts.
        token: What the game must know to be let in: ASCII characters. None: a random one for games that Python starts,
            and anybody on this machine is let in where the user starts the game.
        ssl: Encrypts the connection: the paths of a certificate and of its key, or a server's `ssl.SSLContext` (which
            cannot be pickled). Games that Python starts trust the certificate of the pair, or the one that the
            environment variable GODOT_MARL_CERTIFICATE names.
        step_length: Physics frames in a step; None for the bridge's own.
        physics_fps: Physics frames in a second of the game; None for the project's own.
        human_agents: Names of agents that a person plays, with their `get_human_action()`: what `step` is given for
            them is ignored. Needs a window, so render_mode="human" or a game that the user starts.
        render_mode: None, "human" (a window in real time) or "rgb_array" (frames from `render`).
        render_size: (width, height) of the window and of frames, in pixels; None for the project's own.
        render_path: A folder in which `render` also saves each frame as 0.png, 1.png, ... (of a vector form in a
            folder for each arena: 0/0.png, 1/0.png, ...). It is made with the first frame.
        action_space: Replaces the scene's: one space for all agents, or a dictionary by agent name.
        observation_space: Replaces the scene's, likewise.
        start_timeout: Seconds until the game must have connected, and for an import before that. None: 60, or 300 for a
            game that the user starts, and 600 for an import.
        step_timeout: Seconds until the game must have answered a request.
        turn_timeout: In a scene whose agents take turns: seconds of the game until it must be somebody's turn.
        seed: Seeds the generator of the seeds for resets without one; None for a random one.
        max_episode_steps: Steps after which all agents that are still there are truncated; None for no limit.
        exact_reset: Begin every episode with a new instance of the scene, in a world of its own: the episode is then
            bit for bit a function of seed, options and actions. Takes longer, and the scene's `_ready` runs each time.
        checks: Check each action before it is sent and each observation as it arrives.
        mask_in_observation: Agents with an action mask have the observation space
            `Dict(observation=..., action_mask=...)`.
    """

    scene: str | None = None
    engine: str | os.PathLike[str] | None = None
    command: str | Sequence[str] | None = None
    host: str = "127.0.0.1"
    port: int | None = None
    # Not in what is printed of the options.
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
    def of(cls, given: Mapping[str, Any], own: Sequence[str] = ()) -> Options:
        """The options that a caller gave by name.

        Args:
            given: The options.
            own: The names of options that the caller knows beside these, for the error of an unknown one.

        Raises:
            InvalidOptionError: An option is unknown, or its value cannot work.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        for name in given:
            if name not in known:
                known = [*own, *known]
                close = difflib.get_close_matches(name, known, n=1)
                raise InvalidOptionError(
                    "There is no option of this name.",
                    where=name,
                    expected=", ".join(known),
                    got=repr(name),
                    remedy=f"Did you mean {close[0]}?" if close else None,
                )
        options = cls(**given)
        options._check()
        return options

    def _check(self) -> None:
        for name in ("step_length", "physics_fps", "max_episode_steps"):
            value = getattr(self, name)
            _require(value is None or _is_int(value, 1), name, "an integer of at least 1, or None", value)
        for name in ("start_timeout", "step_timeout", "turn_timeout"):
            value = getattr(self, name)
            fits = _is_number(value) and value > 0
            _require(fits or (value is None and name == "start_timeout"), name, "a number of seconds above 0", value)
        _require(self.port is None or (_is_int(self.port, 0) and self.port < 65536), "port", "0 to 65535", self.port)
        _require(self.seed is None or _is_int(self.seed, 0), "seed", "an integer of at least 0, or None", self.seed)
        _require(
            self.render_mode is None or self.render_mode in RENDER_MODES,
            "render_mode",
            "None, 'human' or 'rgb_array'",
            self.render_mode,
        )
        people = self.human_agents
        names = isinstance(people, Sequence) and not isinstance(people, str) and all(isinstance(n, str) for n in people)
        _require(names, "human_agents", "a list of agents' names", people)
        size = self.render_size
        pair = isinstance(size, Sequence) and len(size) == 2 and all(_is_int(n, 1) for n in size)
        _require(size is None or pair, "render_size", "(width, height) in pixels", size)
        for name in ("exact_reset", "checks", "mask_in_observation"):
            value = getattr(self, name)
            _require(isinstance(value, bool), name, "True or False", value)
        _require(isinstance(self.host, str) and self.host != "", "host", "an address", self.host)
        _require(self.token is None or _is_token(self.token), "token", "visible ASCII characters", "another value")
        files = "the paths of a certificate and of its key, or a server's ssl.SSLContext"
        _require(self.ssl is None or is_tls(self.ssl), "ssl", files, self.ssl)
        _require(
            self.scene is None or (isinstance(self.scene, str) and self.scene.endswith((".tscn", ".scn"))),
            "scene",
            "the path of a .tscn or .scn file in the project",
            self.scene,
        )


def _is_int(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_token(value: object) -> bool:
    """Whether it can travel in a header of HTTP."""
    return isinstance(value, str) and value.isascii() and value.isprintable() and value.strip() == value != ""


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _require(fits: bool, name: str, expected: str, got: object) -> None:
    if not fits:
        raise InvalidOptionError(
            "An option has a value that cannot work.", where=name, expected=expected, got=repr(got)
        )

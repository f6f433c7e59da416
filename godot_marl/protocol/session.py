"""The conversation with one game, without any input or output (`docs/protocol.md`).

A `Session` is told what arrived and says what to send; who carries the messages is not its business. So the same code
runs over a socket, in unit tests, and against golden transcripts.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from gymnasium import spaces

from godot_marl import errors
from godot_marl.codec import KIND_FRAME, Layout, Reply, decode_frame, encode_reset, is_first, read_json
from godot_marl.game_errors import error_from_message
from godot_marl.members import boolean, count, objects, text
from godot_marl.plain import plain_options
from godot_marl.spaces import MAX_BYTES, bytes_of_wire, from_wire, to_wire
from godot_marl.version import __version__

PROTOCOL = 1
SUBPROTOCOL_PREFIX = "godot-marl.v"
SUBPROTOCOL = f"{SUBPROTOCOL_PREFIX}{PROTOCOL}"
CLOSE_VERSION = 4001
CLOSE_PROTOCOL = 4002
# The bytes of text that may come with a message after the handshake, and those of a frame of unknown size (1.7).
LONGEST_TEXT = 1 << 24
LONGEST_FRAME = 1 << 26
MAX_SEED = 2**63 - 1

SpaceOption = spaces.Space[Any] | Mapping[str, spaces.Space[Any]] | None


@dataclass(frozen=True)
class Configuration:
    """What Python asks of a game (2.2)."""

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
        """The configure message."""
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
    """One agent as the handshake describes it.

    Attributes:
        name: Its name in PettingZoo.
        path: Its node path in the scene.
        policy: The policy that it shares.
        observation_space: Without the action mask.
        action_space: What its actions are taken from.
        action_mask: How many numbers its mask has; 0 for none.
    """

    name: str
    path: str
    policy: str
    observation_space: spaces.Space[Any]
    action_space: spaces.Space[Any]
    action_mask: int = 0


@dataclass(frozen=True)
class SceneDescription:
    """What the handshake says of a scene (2.1 and 2.3)."""

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

    def layout(self) -> Layout:
        """The binary messages that go with it."""
        return Layout(
            self.arenas,
            [agent.action_space for agent in self.agents],
            [agent.observation_space for agent in self.agents],
            [agent.action_mask for agent in self.agents],
            self.state_space,
        )


class Phase(enum.Enum):
    """Where in the conversation a session is."""

    HELLO = "waiting for hello"
    SCENE = "waiting for scene"
    READY = "ready"
    ANSWER = "waiting for an answer"
    OVER = "over"


class _Asked(enum.Enum):
    """What the last request asked for."""

    RESET = "reset"
    STEP = "step"
    ROWS = "step with orders"
    RENDER = "render"


@dataclass
class Session:
    """One conversation.

    Args:
        configuration: What to ask of the game.

    Attributes:
        phase: Where the conversation is.
        scene: What the game is, once the handshake is done.
    """

    configuration: Configuration
    phase: Phase = Phase.HELLO
    scene: SceneDescription | None = None
    _hello: dict[str, Any] = field(default_factory=dict)
    _layout: Layout | None = None
    _request: int = 0
    _asked: _Asked = _Asked.RESET

    @property
    def layout(self) -> Layout:
        """The binary messages; only after the handshake."""
        if self._layout is None:
            raise self._unexpected("a request before the handshake")
        return self._layout

    def longest_message(self, *, renders: bool) -> int:
        """How many bytes a message of the game may have after the handshake (1.7); `renders`: frames are asked for."""
        return max(self.layout.longest_reply + LONGEST_TEXT, LONGEST_FRAME if renders else 0)

    def reset(self, arenas: Mapping[int, tuple[int, Mapping[str, Any]]]) -> str:
        """The message that resets these arenas, each with its seed and options.

        Raises:
            InvalidOptionError: An option would arrive as another value, or they are too many.
        """
        # Arenas mostly share their options.
        by_id = {id(options): options for _, options in arenas.values()}
        written = {key: plain_options(options) for key, options in by_id.items()}
        wishes = {arena: (seed, written[id(options)]) for arena, (seed, options) in arenas.items()}
        message = encode_reset(self._request_after(), wishes)
        if len(message) > LONGEST_TEXT:
            raise errors.InvalidOptionError(
                "The options of a reset cannot be sent to the game.",
                where="reset(options=...)",
                expected=f"less than {LONGEST_TEXT} bytes as JSON",
                got=f"{len(message)} bytes",
            )
        self._ask(_Asked.RESET)
        return message

    def step(self, actions: Sequence[Mapping[int, Any]]) -> bytes:
        """The message that steps: for each arena the actions by slot."""
        return self.layout.encode_step(self._ask(_Asked.STEP), actions)

    def step_rows(
        self,
        sections: Mapping[str, np.ndarray[Any, Any]],
        marks: np.ndarray[Any, Any],
        orders: np.ndarray[Any, Any],
        seeds: np.ndarray[Any, Any],
    ) -> bytes:
        """The message that steps all arenas and may reset some of them: see `Layout.encode_rows`."""
        return self.layout.encode_rows(self._ask(_Asked.ROWS), sections, marks, orders, seeds)

    def render(self, arena: int = 0, size: tuple[int, int] | None = None) -> str:
        """The message that asks for a frame of (width, height)."""
        return json.dumps({"type": "render", "request": self._ask(_Asked.RENDER), "arena": arena, "size": size})

    def close(self) -> str:
        """The message that ends the game."""
        self.phase = Phase.OVER
        return json.dumps({"type": "close"})

    def receive(
        self, message: str | bytes | bytearray | memoryview
    ) -> str | SceneDescription | Reply | np.ndarray[Any, Any]:
        """Take in a message.

        Returns:
            A message to send next, or what the handshake, a reset, a step, or a render brought.

        Raises:
            ProtocolError: The message is not allowed here.
            GodotMarlError: The game reported an error; its type tells of which kind (section 8).
        """
        try:
            if isinstance(message, str):
                return self._receive_control(message)
            return self._receive_binary(message)
        except errors.GodotMarlError:
            self.phase = Phase.OVER
            raise

    def _ask(self, what: _Asked) -> int:
        if self.phase is not Phase.READY:
            raise self._unexpected("a request of ours")
        self._asked = what
        self.phase = Phase.ANSWER
        self._request = self._request_after()
        return self._request

    def _request_after(self) -> int:
        return (self._request + 1) % 2**32

    def _receive_control(self, received: str) -> str | SceneDescription:
        try:
            message = read_json(received)
        except (ValueError, RecursionError) as error:
            raise self._unexpected(f"a text that is not JSON: {received[:100]!r}") from error
        kind = message.get("type") if isinstance(message, dict) else None
        try:
            if kind == "error":
                raise error_from_message(message)
            if kind == "hello" and self.phase is Phase.HELLO:
                return self._receive_hello(message)
            if kind == "scene" and self.phase is Phase.SCENE:
                return self._receive_scene(message)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            if isinstance(error, errors.GodotMarlError):
                raise
            raise self._unexpected(f"a malformed {kind} message ({type(error).__name__}: {error})") from error
        raise self._unexpected(f"a {kind!r} message")

    def _receive_hello(self, message: dict[str, Any]) -> str:
        if isinstance(message["protocol"], bool) or message["protocol"] != PROTOCOL:
            raise version_error(f"{SUBPROTOCOL_PREFIX}{message['protocol']}", str(message.get("addon_version")))
        self._hello = {name: text(message, name, "") for name in ("engine", "addon_version", "scene")}
        self._hello["debug"] = boolean(message, "debug", True)
        self.phase = Phase.SCENE
        return json.dumps(self.configuration.to_message())

    def _receive_scene(self, message: dict[str, Any]) -> SceneDescription:
        names = [text(agent, "name") for agent in message["agents"]]
        if not all(names) or not names or len(set(names)) != len(names):
            raise self._unexpected(f"a scene whose agents are {names}")
        for option in ("action_space", "observation_space"):
            _check_names(option, getattr(self.configuration, option), names)
        self._check_size(message)
        state_space = message.get("state_space")
        self.scene = SceneDescription(
            agents=tuple(self._agent(agent) for agent in message["agents"]),
            step_length=count(message, "step_length", 1),
            physics_fps=count(message, "physics_fps", 1),
            arenas=count(message, "arenas", 1),
            state_space=None if state_space is None else from_wire(state_space, "get_state_space()"),
            turns=boolean(message, "turns", False),
            takes_options=boolean(message, "takes_options", False),
            settle_frames=count(message, "settle_frames", 0, 0),
            warnings=tuple(
                f"{text(w, 'where')}: {text(w, 'what')} {text(w, 'remedy')}" for w in objects(message, "warnings")
            ),
            engine=self._hello["engine"],
            addon_version=self._hello["addon_version"],
            debug=self._hello["debug"],
        )
        if self.scene.arenas != self.configuration.arenas:
            raise self._unexpected(f"a scene of {self.scene.arenas} arenas instead of {self.configuration.arenas}")
        self._layout = self.scene.layout()
        self.phase = Phase.READY
        return self.scene

    def _check_size(self, message: dict[str, Any]) -> None:
        """Refuse a scene before its spaces are made: a short text can describe more than the machine's memory."""
        seen = sum(bytes_of_wire(a["observation_space"]) + count(a, "action_mask", 0) for a in message["agents"])
        done = sum(bytes_of_wire(agent["action_space"]) for agent in message["agents"])
        size = self.configuration.arenas * max(seen + bytes_of_wire(message.get("state_space")), done)
        if size > MAX_BYTES:
            raise self._unexpected(f"a scene with messages of {size} bytes, where {MAX_BYTES} are allowed")

    def _agent(self, agent: dict[str, Any]) -> AgentDescription:
        name, path = text(agent, "name"), text(agent, "path")
        if agent["action_space"] is None:
            raise errors.InvalidSpaceError(
                f"Agent {name} has no action space.",
                where=f"{path}.get_action_space()",
                expected="an action space from the scene or from Python",
                got="neither",
                remedy="Add get_action_space() to the agent's script, for example `return MarlSpace.discrete(2)`, "
                "or give action_space= in Python.",
            )
        return AgentDescription(
            name=name,
            path=path,
            policy=text(agent, "policy"),
            observation_space=from_wire(agent["observation_space"], f"{path}.get_observation_space()"),
            action_space=from_wire(agent["action_space"], f"{path}.get_action_space()"),
            action_mask=count(agent, "action_mask", 0),
        )

    def _receive_binary(self, message: bytes | bytearray | memoryview) -> Reply | np.ndarray[Any, Any]:
        if self.phase is not Phase.ANSWER or not message:
            raise self._unexpected("a binary message")
        if (message[0] == KIND_FRAME) != (self._asked is _Asked.RENDER):
            raise self._unexpected(f"a binary message of kind {message[0]} as the answer to a {self._asked.value}")
        if message[0] == KIND_FRAME:
            request, frame = decode_frame(message)
            self._check_request(request)
            return frame
        reply = self.layout.decode_reply(message)
        self._check_request(reply.request)
        if self._asked is not _Asked.ROWS and reply.next is not None:
            raise self._unexpected("a reply with arenas that were reset, which nobody ordered")
        if self._asked is _Asked.RESET and not is_first(reply):
            raise self._unexpected("a reply to a reset in which agents have stepped already")
        return reply

    def _check_request(self, request: int) -> None:
        if request != self._request:
            raise self._unexpected(f"an answer to request {request} instead of {self._request}")
        self.phase = Phase.READY

    def _unexpected(self, got: str) -> errors.ProtocolError:
        return errors.ProtocolError(
            "The conversation with the game broke the protocol.",
            where=f"docs/protocol.md; the session was {self.phase.value}",
            expected="a message that belongs there",
            got=got,
            remedy="Install the addon that belongs to this package: godot-marl addon install PROJECT_FOLDER.",
        )


def version_error(offered: str, addon_version: str = "") -> errors.ProtocolVersionError:
    """The error for a game that speaks another version of the protocol (1.2)."""
    theirs = offered.removeprefix(SUBPROTOCOL_PREFIX)
    # A text of digits may be longer than Python likes to read.
    newer = theirs.isdecimal() and (len(theirs) > 9 or int(theirs) > PROTOCOL)
    return errors.ProtocolVersionError(
        "The addon in the game and this Python package speak different versions of the protocol.",
        where="the game's addons/godot_marl folder" + (f" (addon {addon_version})" if addon_version else ""),
        expected=f"{SUBPROTOCOL} (godot-marl {__version__})",
        got=offered,
        remedy="Update the Python package: pip install --upgrade godot-marl."
        if newer
        else "Update the addon: godot-marl addon install PROJECT_FOLDER.",
    )


def _spaces_to_wire(option: SpaceOption, name: str) -> dict[str, Any]:
    if option is None:
        return {}
    if isinstance(option, spaces.Space):
        return {"*": to_wire(option, name)}
    return {agent: to_wire(space, f"{name}[{agent!r}]") for agent, space in option.items()}


def _check_names(option: str, value: SpaceOption, names: Sequence[str]) -> None:
    if isinstance(value, Mapping) and not isinstance(value, spaces.Space):
        unknown = sorted(set(value) - set(names))
        if unknown:
            raise errors.InvalidOptionError(
                f"{option} names an agent that the scene does not have.",
                where=option,
                expected=f"some of {', '.join(names)}",
                got=", ".join(unknown),
                remedy="Use the agents' names as possible_agents has them.",
            )

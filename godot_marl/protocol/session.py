"""The protocol session with one game, without any I/O (`docs/protocol.md`).

A `Session` makes the messages to send and consumes the messages that arrived; the caller carries them. So the same code
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
from godot_marl.protocol.codec import KIND_IMAGE, MessageCodec, Reply, decode_image, encode_reset, is_first, read_json
from godot_marl.protocol.error_codes import error_from_message
from godot_marl.protocol.fields import boolean, count, objects, text
from godot_marl.protocol.messages import (
    LONGEST_IMAGE,
    LONGEST_TEXT,
    PROTOCOL,
    SUBPROTOCOL,
    SUBPROTOCOL_PREFIX,
    AgentDescription,
    Configuration,
    SceneDescription,
    SpaceOption,
)
from godot_marl.protocol.reset_options import encode_options
from godot_marl.protocol.space_kinds.wire_values import MAX_BYTES
from godot_marl.protocol.spaces import bytes_of_wire, from_wire
from godot_marl.version import __version__


class Phase(enum.Enum):
    """What a session waits for."""

    HELLO = "waiting for hello"
    SCENE = "waiting for scene"
    READY = "ready"
    REPLY = "waiting for a reply"
    OVER = "over"


class _RequestKind(enum.Enum):
    """What kind of request was sent last."""

    RESET = "reset"
    STEP = "step"
    ROWS = "step with autoreset"
    RENDER = "render"


@dataclass
class Session:
    """The session of one connection, from hello to close.

    Args:
        configuration: The configure message for the game (docs/protocol.md, 2.2).

    Attributes:
        phase: What the session waits for.
        scene: The description of the scene; None before the handshake is done.
    """

    configuration: Configuration
    phase: Phase = Phase.HELLO
    scene: SceneDescription | None = None
    _hello: dict[str, Any] = field(default_factory=dict)
    _codec: MessageCodec | None = None
    _request: int = 0
    _pending_kind: _RequestKind = _RequestKind.RESET

    @property
    def codec(self) -> MessageCodec:
        """The codec of the binary messages; available after the handshake."""
        if self._codec is None:
            raise self._unexpected("a request before the handshake")
        return self._codec

    def longest_message(self, *, renders: bool) -> int:
        """The maximum size of the game's messages after the handshake, in bytes (docs/protocol.md, 1.7).

        Args:
            renders: Whether Python requests images.
        """
        return max(self.codec.longest_reply + LONGEST_TEXT, LONGEST_IMAGE if renders else 0)

    def reset(self, arenas: Mapping[int, tuple[int, Mapping[str, Any]]]) -> str:
        """Make a reset message (docs/protocol.md, 2.4).

        Args:
            arenas: The seed (0 to 2**63 - 1) and the options of each arena to reset, by the arena's index.

        Raises:
            InvalidOptionError: An option would arrive as another value, or the options are too large.
        """
        # Arenas mostly share one options object, which is encoded once.
        by_id = {id(options): options for _, options in arenas.values()}
        encoded = {key: encode_options(options) for key, options in by_id.items()}
        resets = {arena: (seed, encoded[id(options)]) for arena, (seed, options) in arenas.items()}
        message = encode_reset(self._next_request(), resets)
        if len(message) > LONGEST_TEXT:
            raise errors.InvalidOptionError(
                "The options of a reset cannot be sent to the game.",
                where="reset(options=...)",
                expected=f"less than {LONGEST_TEXT} bytes as JSON",
                got=f"{len(message)} bytes",
            )
        self._begin_request(_RequestKind.RESET)
        return message

    def step(self, actions: Sequence[Mapping[int, Any]]) -> bytes:
        """Make a step request (docs/protocol.md, 5.2).

        Args:
            actions: For each arena the actions by slot.
        """
        return self.codec.encode_step(self._begin_request(_RequestKind.STEP), actions)

    def step_rows(
        self,
        sections: Mapping[str, np.ndarray[Any, Any]],
        action_present: np.ndarray[Any, Any],
        reset_orders: np.ndarray[Any, Any],
        seeds: np.ndarray[Any, Any],
    ) -> bytes:
        """Make a step request with autoreset (docs/protocol.md, 5.4); the arguments are those of `encode_rows`."""
        return self.codec.encode_rows(
            self._begin_request(_RequestKind.ROWS), sections, action_present, reset_orders, seeds
        )

    def render(self, arena: int = 0, size: tuple[int, int] | None = None) -> str:
        """Make a render message (docs/protocol.md, 2.5).

        Args:
            arena: The arena's index.
            size: (width, height) of the image, in pixels; None for the game's own size.
        """
        return json.dumps(
            {"type": "render", "request": self._begin_request(_RequestKind.RENDER), "arena": arena, "size": size}
        )

    def close(self) -> str:
        """Make the close message, which ends the game (docs/protocol.md, 2.6)."""
        self.phase = Phase.OVER
        return json.dumps({"type": "close"})

    def receive(
        self, message: str | bytes | bytearray | memoryview
    ) -> str | SceneDescription | Reply | np.ndarray[Any, Any]:
        """Consume a message of the game.

        Args:
            message: A control message as text, or a binary message.

        Returns:
            After hello a message to send; after scene its description; then the reply to a reset or a step, or the
            image of a render: uint8, shape (height, width, 3).

        Raises:
            ProtocolError: The protocol does not allow the message here.
            GodotMarlError: The game reported an error; the class depends on its code (docs/protocol.md, section 8).
        """
        try:
            if isinstance(message, str):
                return self._receive_control(message)
            return self._receive_binary(message)
        except errors.GodotMarlError:
            self.phase = Phase.OVER
            raise

    def _begin_request(self, kind: _RequestKind) -> int:
        if self.phase is not Phase.READY:
            raise self._unexpected("a request of Python")
        self._pending_kind = kind
        self.phase = Phase.REPLY
        self._request = self._next_request()
        return self._request

    def _next_request(self) -> int:
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
            _validate_names(option, getattr(self.configuration, option), names)
        self._validate_size(message)
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
        self._codec = self.scene.make_codec()
        self.phase = Phase.READY
        return self.scene

    def _validate_size(self, message: dict[str, Any]) -> None:
        """Reject a scene before making its spaces: a short text can describe more than the machine's memory."""
        agents = message["agents"]
        reply_size = sum(bytes_of_wire(agent["observation_space"]) + count(agent, "action_mask", 0) for agent in agents)
        reply_size += bytes_of_wire(message.get("state_space"))
        step_size = sum(bytes_of_wire(agent["action_space"]) for agent in agents)
        size = self.configuration.arenas * max(reply_size, step_size)
        if size > MAX_BYTES:
            raise self._unexpected(f"a scene with messages of {size} bytes, of which {MAX_BYTES} are allowed")

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
        if self.phase is not Phase.REPLY or not message:
            raise self._unexpected("a binary message")
        if (message[0] == KIND_IMAGE) != (self._pending_kind is _RequestKind.RENDER):
            raise self._unexpected(
                f"a binary message of kind {message[0]} as the reply to a {self._pending_kind.value}"
            )
        if message[0] == KIND_IMAGE:
            request, image = decode_image(message)
            self._validate_request(request)
            return image
        reply = self.codec.decode_reply(message)
        self._validate_request(reply.request)
        if self._pending_kind is not _RequestKind.ROWS and reply.next is not None:
            raise self._unexpected("a reply with resets that the request does not contain")
        if self._pending_kind is _RequestKind.RESET and not is_first(reply):
            raise self._unexpected("a reply to a reset in which agents have stepped already")
        return reply

    def _validate_request(self, request: int) -> None:
        if request != self._request:
            raise self._unexpected(f"a reply to request {request} instead of {self._request}")
        self.phase = Phase.READY

    def _unexpected(self, got: str) -> errors.ProtocolError:
        return errors.ProtocolError(
            "The game sent a message that the protocol does not allow here.",
            where=f"docs/protocol.md; the session was {self.phase.value}",
            expected="a message that the protocol allows in this phase",
            got=got,
            remedy="Install the addon that belongs to this package: godot-marl addon install PROJECT_FOLDER.",
        )


def version_error(offered: str, addon_version: str = "") -> errors.ProtocolVersionError:
    """Make the error of a game with another version of the protocol (docs/protocol.md, 1.2).

    Args:
        offered: The subprotocol that the game offered.
        addon_version: The version of the addon; empty if unknown.
    """
    version = offered.removeprefix(SUBPROTOCOL_PREFIX)
    # int() rejects texts of thousands of digits.
    is_newer = version.isdecimal() and (len(version) > 9 or int(version) > PROTOCOL)
    return errors.ProtocolVersionError(
        "The addon in the game and this Python package speak different versions of the protocol.",
        where="the game's addons/godot_marl folder" + (f" (addon {addon_version})" if addon_version else ""),
        expected=f"{SUBPROTOCOL} (godot-marl {__version__})",
        got=offered,
        remedy="Update the Python package: pip install --upgrade godot-marl."
        if is_newer
        else "Update the addon: godot-marl addon install PROJECT_FOLDER.",
    )


def _validate_names(option: str, value: SpaceOption, names: Sequence[str]) -> None:
    if isinstance(value, Mapping) and not isinstance(value, spaces.Space):
        unknown = sorted(set(value) - set(names))
        if unknown:
            raise errors.InvalidOptionError(
                f"{option} names an agent that the scene does not have.",
                where=option,
                expected=f"some of {', '.join(names)}",
                got=", ".join(unknown),
                remedy="Use the names in possible_agents.",
            )

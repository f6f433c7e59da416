"""A client that has connected and not yet become a WebSocket: its way in, in steps that never wait."""

from __future__ import annotations

import hmac
import http
import logging
import socket
import ssl
import time
from collections.abc import Sequence

from websockets.datastructures import Headers
from websockets.exceptions import NegotiationError
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from godot_marl.link import LONGEST_OF_HANDSHAKE, Link
from godot_marl.protocol import CLOSE_VERSION, SUBPROTOCOL, SUBPROTOCOL_PREFIX, version_error

# It tells of every connection that opens and closes, which is no news here.
_websockets_logger = logging.getLogger(f"{__name__}.websockets")
_websockets_logger.setLevel(logging.WARNING)

_CHUNK = 1 << 12
# A game's request has some hundred bytes.
_LONGEST_REQUEST = 1 << 14
# The first byte of TLS, and of no HTTP request.
_TLS_HANDSHAKE = b"\x16"
_TLS_NEEDED = b"HTTP/1.1 400 This port speaks TLS: use wss:// instead of ws://\r\nConnection: close\r\n\r\n"


class Upgrade:
    """One client, from its connection until it is the game or turned away.

    Args:
        client: Its socket.
        token: What it must know, or None.
        tls: What to encrypt with, or None.
        subprotocol: What it must speak; None for no subprotocol at all.

    Attributes:
        begin: When it came, on the clock of `time.monotonic`.
        file: The number of its file.
        is_over: True once it is the game, or was let go.
        is_sending: True while it must be able to take something in to get on.
        reason: Why it was turned away; empty if it left by itself.
    """

    def __init__(
        self, client: socket.socket, token: str | None, tls: ssl.SSLContext | None, subprotocol: str | None
    ) -> None:
        client.setblocking(False)
        self.begin = time.monotonic()
        self.file = client.fileno()
        self.is_over = False
        self.is_sending = False
        self.reason = ""
        self._socket = client
        self._token = token
        self._tls = tls
        self._has_begun = False
        self._is_shaking_hands = False
        self._taken = 0
        self._subprotocol = subprotocol
        # What was agreed upon; None while that is no subprotocol at all.
        self._offered: str | None = None
        self._protocol = ServerProtocol(
            origins=[None],
            max_size=LONGEST_OF_HANDSHAKE,
            logger=_websockets_logger,
            # A function, not a method: websockets binds it to its own object.
            select_subprotocol=lambda _protocol, offers: self._select_subprotocol(offers),
        )

    def advance(self) -> Link | None:
        """Do what can be done without waiting; the link if the client has become the game."""
        self.is_sending = False
        try:
            if not self._has_begun:
                self._begin()
            if self._is_shaking_hands and isinstance(self._socket, ssl.SSLSocket):
                self._socket.do_handshake()
                self._is_shaking_hands = False
            return None if self.is_over else self._read()
        except (BlockingIOError, ssl.SSLWantReadError):
            return None
        except ssl.SSLWantWriteError:
            self.is_sending = True
            return None
        except ssl.SSLError as error:
            self._turn_away(f"no encrypted connection came about: {(error.reason or str(error)).lower()}")
        except OSError:
            self.abandon()
        return None

    def _begin(self) -> None:
        """Look at the first byte, which tells whether the client speaks TLS."""
        speaks_tls = self._socket.recv(1, socket.MSG_PEEK) == _TLS_HANDSHAKE
        self._has_begun = True
        if self._tls is None:
            if speaks_tls:
                self._turn_away("it speaks TLS, and ssl= is not given: does its address begin with wss://?")
            return
        if not speaks_tls:
            self._socket.send(_TLS_NEEDED)
            self._turn_away("it does not speak TLS: does its address begin with ws://?")
            return
        self._socket = self._tls.wrap_socket(self._socket, server_side=True, do_handshake_on_connect=False)
        self._is_shaking_hands = True

    def _read(self) -> Link | None:
        # TLS may hold more than the system says there is, so read until there is nothing.
        while not self.is_over:
            data = self._socket.recv(_CHUNK)
            if not data:
                self.abandon()
                return None
            self._taken += len(data)
            self._protocol.receive_data(data)
            for event in self._protocol.events_received():
                if isinstance(event, Request):
                    return self._answer(event)
            if self._protocol.handshake_exc is not None:
                self._turn_away("what it sent is no request for a WebSocket")
            elif self._taken > _LONGEST_REQUEST:
                self._turn_away("its request has no end")
        return None

    def _answer(self, request: Request) -> Link | None:
        response = self._refuse(request.headers) or self._protocol.accept(request)
        self._protocol.send_response(response)
        for data in self._protocol.data_to_send():
            # It is short: who cannot take it in at once does not want it.
            if data and self._socket.send(data) < len(data):
                self.abandon()
                return None
        if self._protocol.state is not State.OPEN:
            self._turn_away(f"HTTP {response.status_code} {response.reason_phrase}")
            return None
        link = Link(self._socket, self._protocol)
        self.is_over = True
        if self._offered is not None and self._offered != SUBPROTOCOL:
            error = version_error(self._offered)
            link.close(CLOSE_VERSION, f"{error.expected} was expected. {error.remedy}")
            raise error
        return link

    def _refuse(self, headers: Headers) -> Response | None:
        """The answer to a browser, and to who does not know the token; the library looks at everything else."""
        if headers.get_all("Origin"):
            return self._protocol.reject(http.HTTPStatus.FORBIDDEN, "This is nothing for a browser.\n")
        if self._token is None:
            return None
        # All of them joined: two are one that is wrong.
        given = ", ".join(headers.get_all("Authorization"))
        if hmac.compare_digest(given.encode("utf-8", "replace"), f"Bearer {self._token}".encode()):
            return None
        return self._protocol.reject(http.HTTPStatus.UNAUTHORIZED, "A token is needed.\n")

    def _select_subprotocol(self, offers: Sequence[Subprotocol]) -> Subprotocol | None:
        if self._subprotocol is None:
            if offers:
                raise NegotiationError("this server speaks no subprotocol")
            return None
        ours = [offer for offer in offers if offer.startswith(SUBPROTOCOL_PREFIX)]
        if not ours:
            raise NegotiationError(f"this server speaks {SUBPROTOCOL}")
        chosen = Subprotocol(SUBPROTOCOL) if SUBPROTOCOL in ours else ours[0]
        self._offered = str(chosen)
        return chosen

    def _turn_away(self, reason: str) -> None:
        self.reason = reason
        self.abandon()

    def abandon(self) -> None:
        """Let the client go."""
        self.is_over = True
        self._socket.close()

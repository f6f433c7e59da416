"""The TLS and WebSocket handshakes of a client that has connected, in steps that never block."""

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

from godot_marl.protocol.messages import CLOSE_VERSION, SUBPROTOCOL, SUBPROTOCOL_PREFIX
from godot_marl.protocol.session import version_error
from godot_marl.transport.connection import LONGEST_HANDSHAKE_MESSAGE, Connection

# At INFO it logs every connection that opens and closes.
_websockets_logger = logging.getLogger(f"{__name__}.websockets")
_websockets_logger.setLevel(logging.WARNING)

_CHUNK = 1 << 12
# Bytes; a game's request has a few hundred (docs/protocol.md, 1.4).
_LONGEST_REQUEST = 1 << 14
# The first byte of a TLS connection; no HTTP request starts with it.
_TLS_HANDSHAKE = b"\x16"
_TLS_NEEDED = b"HTTP/1.1 400 This port speaks TLS: use wss:// instead of ws://\r\nConnection: close\r\n\r\n"


class PendingConnection:
    """A client that has connected and is not yet accepted or rejected.

    Args:
        client: The client's socket.
        token: The token that the client must send; None for no token.
        tls: The server's TLS context; None for no encryption.
        subprotocol: The subprotocol that the client must offer; None if it must offer none.

    Attributes:
        connected_at: The time of the connection, on the clock of `time.monotonic`.
        file: The socket's file descriptor.
        is_over: True once the client is accepted, rejected or closed.
        is_sending: True if the handshake continues once the socket can be written.
        reason: Why the client was rejected; empty if it closed the connection itself.
    """

    def __init__(
        self, client: socket.socket, token: str | None, tls: ssl.SSLContext | None, subprotocol: str | None
    ) -> None:
        client.setblocking(False)
        self.connected_at = time.monotonic()
        self.file = client.fileno()
        self.is_over = False
        self.is_sending = False
        self.reason = ""
        self._socket = client
        self._token = token
        self._tls = tls
        self._has_first_byte = False
        self._is_in_tls_handshake = False
        self._received = 0
        self._subprotocol = subprotocol
        # The negotiated subprotocol, possibly of another version; None before the negotiation, and without one.
        self._offered: str | None = None
        self._protocol = ServerProtocol(
            origins=[None],
            max_size=LONGEST_HANDSHAKE_MESSAGE,
            logger=_websockets_logger,
            # A function, not a method: websockets binds it to the ServerProtocol.
            select_subprotocol=lambda _protocol, offers: self._select_subprotocol(offers),
        )

    def advance(self) -> Connection | None:
        """Continue the handshake without blocking; return the connection once the client is accepted."""
        self.is_sending = False
        try:
            if not self._has_first_byte:
                self._check_first_byte()
            if self._is_in_tls_handshake and isinstance(self._socket, ssl.SSLSocket):
                self._socket.do_handshake()
                self._is_in_tls_handshake = False
            return None if self.is_over else self._read_request()
        except (BlockingIOError, ssl.SSLWantReadError):
            return None
        except ssl.SSLWantWriteError:
            self.is_sending = True
            return None
        except ssl.SSLError as error:
            self._reject(f"the TLS handshake failed: {(error.reason or str(error)).lower()}")
        except OSError:
            self.abandon()
        return None

    def _check_first_byte(self) -> None:
        """Start the TLS handshake, or reject a client that does not agree with us about TLS."""
        speaks_tls = self._socket.recv(1, socket.MSG_PEEK) == _TLS_HANDSHAKE
        self._has_first_byte = True
        if self._tls is None:
            if speaks_tls:
                self._reject("it speaks TLS, and ssl= is not given: does its address begin with wss://?")
            return
        if not speaks_tls:
            self._socket.send(_TLS_NEEDED)
            self._reject("it does not speak TLS: does its address begin with ws://?")
            return
        self._socket = self._tls.wrap_socket(self._socket, server_side=True, do_handshake_on_connect=False)
        self._is_in_tls_handshake = True

    def _read_request(self) -> Connection | None:
        # TLS buffers data that select() does not report, so read until the socket would block.
        while not self.is_over:
            data = self._socket.recv(_CHUNK)
            if not data:
                self.abandon()
                return None
            self._received += len(data)
            self._protocol.receive_data(data)
            for event in self._protocol.events_received():
                if isinstance(event, Request):
                    return self._respond(event)
            if self._protocol.handshake_exc is not None:
                self._reject("its request is not a WebSocket handshake")
            elif self._received > _LONGEST_REQUEST:
                self._reject("its request is too long")
        return None

    def _respond(self, request: Request) -> Connection | None:
        response = self._validate_headers(request.headers) or self._protocol.accept(request)
        self._protocol.send_response(response)
        for data in self._protocol.data_to_send():
            # The response is short; a client that cannot receive it at once does not read.
            if data and self._socket.send(data) < len(data):
                self.abandon()
                return None
        if self._protocol.state is not State.OPEN:
            self._reject(f"HTTP {response.status_code} {response.reason_phrase}")
            return None
        connection = Connection(self._socket, self._protocol)
        self.is_over = True
        if self._offered is not None and self._offered != SUBPROTOCOL:
            error = version_error(self._offered)
            connection.close(CLOSE_VERSION, f"{error.expected} was expected. {error.remedy}")
            raise error
        return connection

    def _validate_headers(self, headers: Headers) -> Response | None:
        """The response to a browser and to a wrong token (docs/protocol.md, 1.3 and 1.4); None for valid headers."""
        if headers.get_all("Origin"):
            return self._protocol.reject(http.HTTPStatus.FORBIDDEN, "Browsers are not allowed.\n")
        if self._token is None:
            return None
        # Joined, so that two headers are a wrong token.
        credentials = ", ".join(headers.get_all("Authorization"))
        if hmac.compare_digest(credentials.encode("utf-8", "replace"), f"Bearer {self._token}".encode()):
            return None
        return self._protocol.reject(http.HTTPStatus.UNAUTHORIZED, "A token is needed.\n")

    def _select_subprotocol(self, offers: Sequence[Subprotocol]) -> Subprotocol | None:
        if self._subprotocol is None:
            if offers:
                raise NegotiationError("this server has no subprotocol")
            return None
        versions = [offer for offer in offers if offer.startswith(SUBPROTOCOL_PREFIX)]
        if not versions:
            raise NegotiationError(f"this server needs {SUBPROTOCOL}")
        chosen = Subprotocol(SUBPROTOCOL) if SUBPROTOCOL in versions else versions[0]
        self._offered = str(chosen)
        return chosen

    def _reject(self, reason: str) -> None:
        self.reason = reason
        self.abandon()

    def abandon(self) -> None:
        """Close the client's connection."""
        self.is_over = True
        self._socket.close()

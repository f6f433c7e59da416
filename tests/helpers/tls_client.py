"""A game's side of an encrypted connection that uses one thread only.

That of `websockets.sync` reads in a thread of its own, and OpenSSL now and then loses what is sent at the same moment.
"""

from __future__ import annotations

import contextlib
import socket
import ssl

from waiting import V1
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import Event
from websockets.typing import Subprotocol
from websockets.uri import parse_uri


class TlsClient:
    """A client that has been accepted.

    Args:
        url: Where to connect.
        context: Whom to trust.
    """

    def __init__(self, url: str, context: ssl.SSLContext) -> None:
        uri = parse_uri(url)
        plain = socket.create_connection((uri.host, uri.port), timeout=10)
        self.socket = context.wrap_socket(plain, server_hostname=uri.host)
        self._protocol = ClientProtocol(uri, subprotocols=[Subprotocol(V1)], max_size=None)
        self._events: list[Event] = []
        self._protocol.send_request(self._protocol.connect())
        self._flush()
        assert isinstance(self._next(), Response)
        if self._protocol.handshake_exc is not None:
            raise self._protocol.handshake_exc

    def _flush(self) -> None:
        self.socket.sendall(b"".join(self._protocol.data_to_send()))

    def _next(self) -> Event:
        while not self._events:
            data = self.socket.recv(65_536)
            if not data:
                raise EOFError
            self._protocol.receive_data(data)
            self._events += self._protocol.events_received()
        return self._events.pop(0)

    def send(self, *messages: bytes) -> None:
        """Send binary messages, all in one piece."""
        for message in messages:
            self._protocol.send_binary(message)
        self._flush()

    def receive(self) -> tuple[Opcode, bytes]:
        """The next frame: its opcode and what it holds."""
        frame = self._next()
        assert isinstance(frame, Frame)
        return frame.opcode, bytes(frame.data)

    def close(self) -> None:
        """Close with a word, and hang up."""
        self._protocol.send_close(1000)
        self._flush()
        # Without waiting for the other side to do the same.
        self.socket.settimeout(0)
        with contextlib.suppress(ssl.SSLWantReadError):
            self.socket.unwrap()

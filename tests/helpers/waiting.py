"""A Python that waits for a game, and its clients, over real sockets on the loopback interface."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from websockets.sync.client import ClientConnection, connect

from godot_marl.transport.connection import Connection
from godot_marl.transport.listener import Listener

V1 = "godot-marl.v1"
UPGRADE = (
    "GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: {V1}\r\n\r\n"
)
TLS_NEEDED = "This port speaks TLS: use wss:// instead of ws://"
TOKEN = "a secret"  # noqa: S105 - a test's own


def soon(seconds: float = 10.0) -> float:
    return time.monotonic() + seconds


def no_check() -> None:
    pass


class Waiting:
    """A listener with a Python that waits on it."""

    def __init__(self, listener: Listener, pool: ThreadPoolExecutor) -> None:
        self.listener = listener
        self.url = listener.url
        self._pool = pool
        self._links: list[Connection] = []
        self._clients = contextlib.ExitStack()

    def accept(self, seconds: float = 10.0, check: Callable[[], None] = no_check) -> Future[Connection]:
        future = self._pool.submit(self.listener.accept, soon(seconds), check)
        future.add_done_callback(self._keep)
        return future

    def _keep(self, future: Future[Connection]) -> None:
        if future.exception() is None:
            self._links.append(future.result())

    def client(self, **options: object) -> ClientConnection:
        """A game that connects; each option of `websockets.sync.client.connect` is welcome."""
        given = {"subprotocols": [V1], "compression": None, "proxy": None, "close_timeout": 0.1, **options}
        return self._clients.enter_context(connect(self.url, **given))

    def pair(self) -> tuple[Connection, ClientConnection]:
        future = self.accept()
        client = self.client()
        return future.result(10), client

    def raw(self) -> socket.socket:
        """The plain socket of a client."""
        client = socket.create_connection((self.listener.host, self.listener.port), timeout=10)
        self._clients.callback(client.close)
        return client

    def close(self) -> None:
        for link in self._links:
            link.close()
        self._clients.close()
        self.listener.close()


@contextlib.contextmanager
def listening(
    token: str | None = None, tls: ssl.SSLContext | None = None, subprotocol: str | None = V1
) -> Iterator[Waiting]:
    with ThreadPoolExecutor(1) as pool:
        waiting = Waiting(Listener("127.0.0.1", 0, token, tls, subprotocol), pool)
        try:
            yield waiting
        finally:
            waiting.close()

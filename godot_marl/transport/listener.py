"""Listens for one game, and rejects all other clients."""

from __future__ import annotations

import logging
import selectors
import socket
import ssl
import time
from collections.abc import Callable

from godot_marl import errors
from godot_marl.protocol.messages import SUBPROTOCOL
from godot_marl.transport.addresses import (
    for_this_machine,
    is_an_address,
    validate_exposure,
    warn_of_exposure,
    with_port,
)
from godot_marl.transport.connection import Connection
from godot_marl.transport.handshake import PendingConnection

logger = logging.getLogger(__name__)

DEFAULT_PORT = 8000
# Seconds from a client's connection to the end of its handshakes.
_HANDSHAKE_TIMEOUT = 10.0
_CHECK_INTERVAL = 0.1
# When the backlog is full, drop the oldest pending connection.
_MAX_PENDING = 64
# The number of different rejection reasons that are logged, each once.
_MAX_REASONS = 20


class Listener:
    """Listens for one game.

    Args:
        host: The address to listen on. An address that other machines can reach logs a warning.
        port: The port, 0 to 65535; 0 lets the system choose.
        token: The token that the game must send; None for no token, on this machine only.
        tls: The server's TLS context; None for no encryption.
        subprotocol: The subprotocol that the game must offer; None for a game that must offer none, and has no token.

    Attributes:
        host: The IP address of the listening socket.
        port: The port of the listening socket.
        reason: Why the last rejected client was rejected; empty if none was.

    Raises:
        AddressInUseError: Another program uses the port.
        InvalidOptionError: The host is not an address of this machine, or other machines can reach it and there is no
            token.
    """

    def __init__(
        self,
        host: str,
        port: int,
        token: str | None,
        tls: ssl.SSLContext | None = None,
        subprotocol: str | None = SUBPROTOCOL,
    ) -> None:
        self.reason = ""
        self._token = token
        self._tls = tls
        self._subprotocol = subprotocol
        self._logged_reasons: set[str] = set()
        self._pending: list[PendingConnection] = []
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            self._socket = socket.create_server((host, port), family=family, backlog=128)
        except OSError as error:
            raise self._bind_error(host, port, error) from error
        self._socket.setblocking(False)
        self.host, self.port = self._socket.getsockname()[:2]
        # A certificate is for a name, so TLS keeps the name.
        self._public_host = for_this_machine(self.host) if tls is None or is_an_address(host) else host
        try:
            if subprotocol is None:
                warn_of_exposure(self.host, self.port)
            else:
                validate_exposure(self.host, self.port, token, is_encrypted=tls is not None)
        except errors.InvalidOptionError:
            self._socket.close()
            raise

    @property
    def url(self) -> str:
        """The URL at which a game on this machine connects."""
        return f"{'ws' if self._tls is None else 'wss'}://{with_port(self._public_host, self.port)}"

    @staticmethod
    def _bind_error(host: str, port: int, error: OSError) -> errors.GodotMarlError:
        if error.errno is not None and "in use" in str(error).lower():
            return errors.AddressInUseError(
                "Another program already listens on this address.",
                where=f"{host}:{port}",
                expected="a free port",
                got=str(error),
                remedy="End the other program, or give another port= (port=0 lets the system choose).",
            )
        return errors.InvalidOptionError(
            "Python cannot listen on this address.",
            where=f"host={host!r}, port={port!r}",
            expected="an address of this machine, such as 127.0.0.1",
            got=str(error),
        )

    def accept(self, deadline: float, check: Callable[[], None]) -> Connection:
        """Wait for the game.

        Other clients (without the token or the subprotocol, or a browser) are rejected and do not delay the game, even
        if they are many or slow (docs/protocol.md, 1.2 to 1.4).

        Args:
            deadline: The time limit, on the clock of `time.monotonic`.
            check: Called several times a second; it raises an exception to end the wait.

        Raises:
            TimeoutError: No game connected before the deadline.
            ProtocolVersionError: The game has another version of the protocol.
        """
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            try:
                while True:
                    now = time.monotonic()
                    if now >= deadline:
                        raise TimeoutError
                    check()
                    connection = self._poll(selector, min(_CHECK_INTERVAL, deadline - now))
                    if connection is not None:
                        return connection
            finally:
                for pending in self._pending:
                    pending.abandon()
                self._pending.clear()

    def _poll(self, selector: selectors.BaseSelector, seconds: float) -> Connection | None:
        """Handle the events of at most `seconds`; return the connection of the game once it is accepted."""
        for key, _ in selector.select(seconds):
            if key.data is None:
                self._accept_clients(selector)
            elif not key.data.is_over:
                # It is over if the loop has dropped it for a new client.
                connection = self._advance(selector, key.data)
                if connection is not None:
                    return connection
        oldest = time.monotonic() - _HANDSHAKE_TIMEOUT
        for pending in [pending for pending in self._pending if pending.connected_at < oldest]:
            self._drop(selector, pending)
        return None

    def _advance(self, selector: selectors.BaseSelector, pending: PendingConnection) -> Connection | None:
        file, was_sending = pending.file, pending.is_sending
        connection = pending.advance()
        if connection is not None or pending.is_over:
            selector.unregister(file)
            self._pending.remove(pending)
            self._report_rejection(pending.reason)
        elif pending.is_sending != was_sending:
            selector.modify(file, _event_of(pending), pending)
        return connection

    def _accept_clients(self, selector: selectors.BaseSelector) -> None:
        for _ in range(_MAX_PENDING):
            try:
                client, _ = self._socket.accept()
            except BlockingIOError:
                return
            except OSError:
                # The client has closed again, or there are no free file descriptors: dropping a client frees one.
                if self._pending:
                    self._drop(selector, self._pending[0])
                return
            if len(self._pending) >= _MAX_PENDING:
                self._drop(selector, self._pending[0])
            pending = PendingConnection(client, self._token, self._tls, self._subprotocol)
            self._pending.append(pending)
            selector.register(pending.file, _event_of(pending), pending)

    def _drop(self, selector: selectors.BaseSelector, pending: PendingConnection) -> None:
        selector.unregister(pending.file)
        self._pending.remove(pending)
        pending.abandon()

    def _report_rejection(self, reason: str) -> None:
        if not reason:
            return
        self.reason = reason
        if reason not in self._logged_reasons and len(self._logged_reasons) < _MAX_REASONS:
            self._logged_reasons.add(reason)
            logger.warning("rejected a connection: %s", reason)

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()


def _event_of(pending: PendingConnection) -> int:
    return selectors.EVENT_WRITE if pending.is_sending else selectors.EVENT_READ

"""Waits for one game among whoever connects, and lets nobody else in."""

from __future__ import annotations

import logging
import selectors
import socket
import ssl
import time
from collections.abc import Callable

from godot_marl import errors
from godot_marl.addresses import check_exposure, for_this_machine, is_an_address, warn_of_exposure, with_port
from godot_marl.link import Link
from godot_marl.protocol import SUBPROTOCOL
from godot_marl.upgrade import Upgrade

logger = logging.getLogger(__name__)

DEFAULT_PORT = 8000
_UPGRADE_TIMEOUT = 10.0
_CHECK_INTERVAL = 0.1
# Who comes when so many have not yet said what they want takes the place of the one who has been there longest.
_MOST_WAITING = 64
# Reasons to turn somebody away that are told, each once.
_MOST_REASONS = 20


class Listener:
    """Listens for one game.

    Args:
        host: The address to listen on. One that other machines can reach is warned of.
        port: The port; 0 lets the system choose.
        token: What a game must know to be let in; None for anybody, on this machine alone.
        tls: What to encrypt with, or None.
        subprotocol: What it must speak; None for a game that offers no subprotocol at all, and knows no token.

    Attributes:
        reason: Why somebody was turned away last; empty if nobody was.

    Raises:
        AddressInUseError: The port is taken.
        InvalidOptionError: The host is no address of this machine, or other machines can reach it and no token is
            given.
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
        self._reasons: set[str] = set()
        self._waiting: list[Upgrade] = []
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            self._socket = socket.create_server((host, port), family=family, backlog=128)
        except OSError as error:
            raise self._bind_error(host, port, error) from error
        self._socket.setblocking(False)
        self.host, self.port = self._socket.getsockname()[:2]
        # A certificate is for a name, so a name remains one.
        self._name = for_this_machine(self.host) if tls is None or is_an_address(host) else host
        try:
            if subprotocol is None:
                warn_of_exposure(self.host, self.port)
            else:
                check_exposure(self.host, self.port, token, is_encrypted=tls is not None)
        except errors.InvalidOptionError:
            self._socket.close()
            raise

    @property
    def url(self) -> str:
        """Where a game on this machine connects to."""
        return f"{'ws' if self._tls is None else 'wss'}://{with_port(self._name, self.port)}"

    @staticmethod
    def _bind_error(host: str, port: int, error: OSError) -> errors.GodotMarlError:
        if error.errno is not None and "in use" in str(error).lower():
            return errors.AddressInUseError(
                "Another program already listens where Python should wait for the game.",
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

    def accept(self, deadline: float, check: Callable[[], None]) -> Link:
        """Wait for the game.

        Strangers (without the token, without our subprotocol, or from a browser) are turned away without disturbing
        the wait, however many come and however slowly they talk.

        Args:
            deadline: Until when, on the clock of `time.monotonic`.
            check: Called several times a second; it raises when waiting has become pointless.

        Raises:
            TimeoutError: Nobody came.
            ProtocolVersionError: The game speaks another version of the protocol.
        """
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            try:
                while True:
                    now = time.monotonic()
                    if now >= deadline:
                        raise TimeoutError
                    check()
                    link = self._look(selector, min(_CHECK_INTERVAL, deadline - now))
                    if link is not None:
                        return link
            finally:
                for upgrade in self._waiting:
                    upgrade.abandon()
                self._waiting.clear()

    def _look(self, selector: selectors.BaseSelector, seconds: float) -> Link | None:
        """See what has come within these seconds; the link if it is the game."""
        for key, _ in selector.select(seconds):
            if key.data is None:
                self._let_in(selector)
            elif not key.data.is_over:
                # Over: it had to give its place to another in this very round.
                link = self._advance(selector, key.data)
                if link is not None:
                    return link
        late = time.monotonic() - _UPGRADE_TIMEOUT
        for upgrade in [upgrade for upgrade in self._waiting if upgrade.begin < late]:
            self._drop(selector, upgrade)
        return None

    def _advance(self, selector: selectors.BaseSelector, upgrade: Upgrade) -> Link | None:
        file, wanted = upgrade.file, upgrade.is_sending
        link = upgrade.advance()
        if link is not None or upgrade.is_over:
            selector.unregister(file)
            self._waiting.remove(upgrade)
            self._tell(upgrade.reason)
        elif upgrade.is_sending != wanted:
            selector.modify(file, _event_of(upgrade), upgrade)
        return link

    def _let_in(self, selector: selectors.BaseSelector) -> None:
        for _ in range(_MOST_WAITING):
            try:
                client, _ = self._socket.accept()
            except BlockingIOError:
                return
            except OSError:
                # Gone again; or there are no more file descriptors, and somebody has to give one back.
                if self._waiting:
                    self._drop(selector, self._waiting[0])
                return
            if len(self._waiting) >= _MOST_WAITING:
                self._drop(selector, self._waiting[0])
            upgrade = Upgrade(client, self._token, self._tls, self._subprotocol)
            self._waiting.append(upgrade)
            selector.register(upgrade.file, _event_of(upgrade), upgrade)

    def _drop(self, selector: selectors.BaseSelector, upgrade: Upgrade) -> None:
        selector.unregister(upgrade.file)
        self._waiting.remove(upgrade)
        upgrade.abandon()

    def _tell(self, reason: str) -> None:
        if not reason:
            return
        self.reason = reason
        if reason not in self._reasons and len(self._reasons) < _MOST_REASONS:
            self._reasons.add(reason)
            logger.warning("turned away a connection: %s", reason)

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()


def _event_of(upgrade: Upgrade) -> int:
    return selectors.EVENT_WRITE if upgrade.is_sending else selectors.EVENT_READ

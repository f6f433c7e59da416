"""The socket to one game: a WebSocket server for a single client, with a deadline on every wait.

The WebSocket protocol itself is the Sans-I/O layer of `websockets`, with a short way around it for whole messages
(`godot_marl.framing`); here is the socket only, because that is the fastest way to a round trip.
"""

from __future__ import annotations

import hmac
import http
import logging
import os
import select
import selectors
import socket
import sys
import time
from collections.abc import Callable, Sequence

from websockets.datastructures import Headers
from websockets.exceptions import NegotiationError
from websockets.frames import Close
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from godot_marl import errors
from godot_marl.framing import FrameReader, header_of
from godot_marl.protocol import CLOSE_PROTOCOL, CLOSE_VERSION, SUBPROTOCOL, SUBPROTOCOL_PREFIX, version_error

logger = logging.getLogger(__name__)
# It tells of every connection that opens and closes, which is no news here.
_websockets_logger = logging.getLogger(f"{__name__}.websockets")
_websockets_logger.setLevel(logging.WARNING)

DEFAULT_PORT = 8000
# More costs a mapping of memory at every call.
_CHUNK = 1 << 16
_MAX_MESSAGE = 1 << 26
_UPGRADE_TIMEOUT = 10.0
_CHECK_INTERVAL = 0.1
# To fall asleep and to be woken costs a tenth of a millisecond, which staying awake saves where the answer comes soon.
SPIN_SECONDS = 0.001
# Where it does not, so many waits at most are slept through before it is tried again.
_LONGEST_SLUMBER = 256
# If it takes longer than this to give way, another program had the core: to stay awake costs us our own turns then.
_LONG_TURN = 0.0001
# poll() counts milliseconds in 32 bits.
_LONGEST_SLEEP = 3600.0


class Listener:
    """Listens for one game.

    Args:
        host: The address to listen on.
        port: The port; 0 lets the system choose.
        token: What a game must know to be let in; None for anybody.
        subprotocol: What it must speak; None for a game that offers no subprotocol at all.

    Raises:
        AddressInUseError: The port is taken.
        InvalidOptionError: The host is no address of this machine.
    """

    def __init__(self, host: str, port: int, token: str | None, subprotocol: str | None = SUBPROTOCOL) -> None:
        self._token = token
        self._subprotocol = subprotocol
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            self._socket = socket.create_server((host, port), family=family, backlog=128)
        except OSError as error:
            raise self._bind_error(host, port, error) from error
        self._socket.setblocking(False)
        self.host, self.port = self._socket.getsockname()[:2]

    @property
    def url(self) -> str:
        """Where a game connects to."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"ws://{host}:{self.port}"

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
            pending: dict[socket.socket, tuple[_Upgrade, float]] = {}
            try:
                while True:
                    now = time.monotonic()
                    if now >= deadline:
                        raise TimeoutError
                    check()
                    for key, _ in selector.select(min(_CHECK_INTERVAL, deadline - now)):
                        if key.fileobj is self._socket:
                            self._add(selector, pending)
                            continue
                        client = key.fileobj
                        assert isinstance(client, socket.socket)
                        link = pending[client][0].advance()
                        if link is not None or pending[client][0].is_over:
                            selector.unregister(client)
                            del pending[client]
                        if link is not None:
                            return link
                    for client, (_, begin) in list(pending.items()):
                        if time.monotonic() - begin > _UPGRADE_TIMEOUT:
                            selector.unregister(client)
                            pending.pop(client)[0].abandon()
            finally:
                for upgrade, _ in pending.values():
                    upgrade.abandon()

    def _add(self, selector: selectors.BaseSelector, pending: dict[socket.socket, tuple[_Upgrade, float]]) -> None:
        try:
            client, _ = self._socket.accept()
        except OSError:
            return
        client.setblocking(False)
        selector.register(client, selectors.EVENT_READ)
        pending[client] = (_Upgrade(client, self._token, self._subprotocol), time.monotonic())

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()


class _Upgrade:
    """A client that has connected and not yet become a WebSocket."""

    def __init__(self, client: socket.socket, token: str | None, subprotocol: str | None) -> None:
        self._socket = client
        self._token = token
        self._subprotocol = subprotocol
        # What was agreed upon; None while that is no subprotocol at all.
        self._offered: str | None = None
        self._protocol = ServerProtocol(
            origins=[None],
            max_size=_MAX_MESSAGE,
            logger=_websockets_logger,
            # A function, not a method: websockets binds it to its own object.
            select_subprotocol=lambda _protocol, offers: self._select_subprotocol(offers),
        )
        self.is_over = False

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

    def advance(self) -> Link | None:
        """Read what has arrived; the link if the upgrade is done."""
        try:
            data = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        if not data:
            self.abandon()
            return None
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                return self._answer(event)
        if self._protocol.handshake_exc is not None:
            self.abandon()
        return None

    def _answer(self, request: Request) -> Link | None:
        response = self._reject_token(request.headers) or self._protocol.accept(request)
        self._protocol.send_response(response)
        self._socket.setblocking(True)
        self._socket.settimeout(_UPGRADE_TIMEOUT)
        try:
            for data in self._protocol.data_to_send():
                if data:
                    self._socket.sendall(data)
        except OSError:
            self.abandon()
            return None
        if self._protocol.state is not State.OPEN:
            logger.warning("turned away a connection: HTTP %s %s", response.status_code, response.reason_phrase)
            self.abandon()
            return None
        link = Link(self._socket, self._protocol)
        self.is_over = True
        if self._offered is not None and self._offered != SUBPROTOCOL:
            error = version_error(self._offered)
            link.close(CLOSE_VERSION, f"{error.expected} was expected. {error.remedy}")
            raise error
        return link

    def _reject_token(self, headers: Headers) -> Response | None:
        if self._token is None:
            return None
        # All of them joined: two are one that is wrong.
        given = ", ".join(headers.get_all("Authorization"))
        if hmac.compare_digest(given.encode("utf-8", "replace"), f"Bearer {self._token}".encode()):
            return None
        return self._protocol.reject(http.HTTPStatus.UNAUTHORIZED, "A token is needed.\n")

    def abandon(self) -> None:
        """Let the client go."""
        self.is_over = True
        self._socket.close()


class Link:
    """The open connection to one game. Made by `Listener.accept`.

    Attributes:
        spin_seconds: How long at most `receive` asks for news again and again before it sleeps; it does so the less
            often, the more often that was in vain. 0 where a core is too dear for that, because many games are waited
            for.
    """

    def __init__(self, client: socket.socket, protocol: ServerProtocol, spin_seconds: float = SPIN_SECONDS) -> None:
        self.spin_seconds = spin_seconds
        self._socket = client
        self._protocol = protocol
        self._slumber = 0
        self._waits_to_sleep = 0
        self._reader = FrameReader(protocol, _MAX_MESSAGE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)

    def send(self, message: str | bytes, deadline: float) -> None:
        """Send one message.

        Raises:
            ConnectionError: The game is gone.
            TimeoutError: The game takes nothing in.
        """
        if self._protocol.state is not State.OPEN:
            raise ConnectionResetError("the game closed the connection")
        is_text = isinstance(message, str)
        data = message.encode() if isinstance(message, str) else message
        header = header_of(data, is_text=is_text)
        if len(data) <= _CHUNK or not hasattr(self._socket, "sendmsg"):
            self._send(header + data, deadline)
        else:
            self._send(data, deadline, header)

    def receive(self, deadline: float) -> str | bytes | memoryview:
        """Wait for the next message. A memoryview is one of bytes that nobody else has: it can be written to.

        Raises:
            ConnectionError: The game is gone.
            TimeoutError: Nothing came until the deadline.
            ProtocolError: What came is no WebSocket message, or too large.
        """
        messages = self._reader.messages
        while not messages:
            count = self._read(deadline)
            self._reader.take(count)
            self._flush(deadline)
            if not messages and (not count or self._protocol.state is not State.OPEN):
                self._raise_closed()
        return messages.popleft()

    def _read(self, deadline: float) -> int:
        """Wait for bytes and read them; 0 at the end of the stream."""
        space = self._reader.space
        begin = awake = now = time.monotonic()
        if self._waits_to_sleep > 0:
            self._waits_to_sleep -= 1
        else:
            awake += self.spin_seconds
        while now < deadline:
            try:
                count = self._socket.recv_into(space)
            except BlockingIOError:
                before = now
                if now < awake:
                    _give_way()
                else:
                    _wait(self._socket, deadline - now)
                now = time.monotonic()
                if awake > begin and (now >= awake or now - before > _LONG_TURN):
                    # It was in vain: the game takes longer, or another program wants the core.
                    self._slumber = min(2 * self._slumber + 1, _LONGEST_SLUMBER)
                    self._waits_to_sleep = self._slumber
                    awake = begin
            else:
                if awake > begin:
                    self._slumber = 0
                return count
        raise TimeoutError

    def _send(self, data: bytes, deadline: float, header: bytes = b"") -> None:
        unsent = memoryview(data)
        while header or unsent:
            remaining = _remaining(deadline)
            try:
                count = self._socket.sendmsg([header, unsent]) if header else self._socket.send(unsent)
            except BlockingIOError:
                _wait(self._socket, remaining, for_sending=True)
                continue
            unsent = unsent[max(0, count - len(header)) :]
            header = header[count:]

    def _raise_closed(self) -> None:
        error = self._protocol.parser_exc
        if error is not None and not isinstance(error, EOFError):
            raise errors.ProtocolError(
                "The game sent something that is no WebSocket message, or one that is too large.",
                where="docs/protocol.md, section 1",
                expected=f"messages of at most {_MAX_MESSAGE} bytes",
                got=str(error),
            )
        close: Close | None = self._protocol.close_rcvd
        raise ConnectionResetError(close.reason if close and close.reason else "the game closed the connection")

    def _flush(self, deadline: float) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._send(data, deadline)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close, without waiting for the game. Safe to call twice."""
        try:
            if self._protocol.state is State.OPEN:
                self._protocol.send_close(code, reason.encode()[:123].decode("utf-8", "ignore"))
                self._flush(time.monotonic() + 1.0)
        except OSError:
            pass
        finally:
            self._socket.close()

    def refuse(self, reason: str) -> None:
        """Close because of a message that the protocol does not allow (1.6)."""
        self.close(CLOSE_PROTOCOL, reason)


def _remaining(deadline: float) -> float:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError
    return remaining


def _give_way() -> None:
    """Let another process have the core, if one waits for it."""
    if sys.platform == "win32":
        time.sleep(0)
    else:
        os.sched_yield()


def _wait(client: socket.socket, seconds: float, *, for_sending: bool = False) -> None:
    """Sleep until the socket can be read or written, or about `seconds` are over."""
    seconds = min(seconds, _LONGEST_SLEEP)
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(client, select.POLLOUT if for_sending else select.POLLIN)
        poll.poll(seconds * 1000)
    elif for_sending:
        select.select([], [client], [client], seconds)
    else:
        select.select([client], [], [], seconds)

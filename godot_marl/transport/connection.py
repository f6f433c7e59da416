"""The open connection to one game, with a deadline on every wait.

The Sans-I/O layer of `websockets` implements the WebSocket protocol; `godot_marl.transport.framing` is a fast path
around it for whole messages. This module uses the socket directly, which makes the fastest round trip.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
import sys
import time

from websockets.frames import Close
from websockets.protocol import State
from websockets.server import ServerProtocol

from godot_marl import errors
from godot_marl.protocol.messages import CLOSE_PROTOCOL
from godot_marl.transport.framing import FrameReader, header_of

# Bytes; a larger buffer costs a memory mapping at every call.
_CHUNK = 1 << 16
# Bytes of a message until the handshake is done (docs/protocol.md, 1.7).
LONGEST_HANDSHAKE_MESSAGE = 1 << 26
# Sleeping and waking costs about 0.1 ms, so spin briefly first.
SPIN_SECONDS = 0.001
# The maximum number of waits without a spin after failed spins.
_LONGEST_BACKOFF = 256
# Seconds. A longer yield means that another process had the core: a spin then costs this process its time slices.
_LONG_YIELD = 0.0001
# TLS may have to send in order to receive, and the other way round.
_WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
# Seconds; poll() counts milliseconds in 32 bits.
_LONGEST_SLEEP = 3600.0


class Connection:
    """The open connection to one game. Made by `Listener.accept`.

    Args:
        client: The socket, plain or TLS.
        protocol: The open connection of the `websockets` library.
        spin_seconds: As the attribute.

    Attributes:
        spin_seconds: How long `receive` polls the socket before it sleeps. After failed spins it backs off and spins
            less often. 0 never spins, for many games that share the CPU cores.
    """

    def __init__(self, client: socket.socket, protocol: ServerProtocol, spin_seconds: float = SPIN_SECONDS) -> None:
        self.spin_seconds = spin_seconds
        self._socket = client
        self._protocol = protocol
        self._backoff = 0
        self._waits_to_sleep = 0
        self._reader = FrameReader(protocol, LONGEST_HANDSHAKE_MESSAGE)
        self._can_gather = hasattr(client, "sendmsg") and not isinstance(client, ssl.SSLSocket)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)

    def limit(self, size: int) -> None:
        """Set the maximum size of the game's messages, in bytes (docs/protocol.md, 1.7)."""
        self._reader.limit(size)

    def send(self, message: str | bytes, deadline: float) -> None:
        """Send one message.

        Args:
            message: The message: a text or a binary one.
            deadline: The time limit, on the clock of `time.monotonic`.

        Raises:
            ConnectionError: The game closed the connection.
            TimeoutError: The game did not receive the message before the deadline.
        """
        if self._protocol.state is not State.OPEN:
            raise ConnectionResetError("the game closed the connection")
        is_text = isinstance(message, str)
        data = message.encode() if isinstance(message, str) else message
        header = header_of(data, is_text=is_text)
        if len(data) <= _CHUNK or not self._can_gather:
            self._send(header + data, deadline)
        else:
            self._send(data, deadline, header)

    def receive(self, deadline: float) -> str | bytes | memoryview:
        """Wait for the next message.

        Args:
            deadline: The time limit, on the clock of `time.monotonic`.

        Returns:
            The message. A memoryview is writable, and the caller owns its bytes.

        Raises:
            ConnectionError: The game closed the connection.
            TimeoutError: No message came before the deadline.
            ProtocolError: The game sent bytes that are not a WebSocket message, or a message that is too large.
        """
        messages = self._reader.messages
        while not messages:
            count = self._read(deadline)
            self._reader.consume(count)
            self._flush(deadline)
            if not messages and (not count or self._protocol.state is not State.OPEN):
                self._raise_closed()
        return messages.popleft()

    def _read(self, deadline: float) -> int:
        """Wait for bytes and read them; 0 at the end of the stream."""
        space = self._reader.space
        begin = spin_end = now = time.monotonic()
        if self._waits_to_sleep > 0:
            self._waits_to_sleep -= 1
        else:
            spin_end += self.spin_seconds
        while now < deadline:
            try:
                count = self._socket.recv_into(space)
            except _WOULD_BLOCK as error:
                before = now
                if now < spin_end:
                    _yield_core()
                else:
                    _wait(self._socket, deadline - now, for_sending=isinstance(error, ssl.SSLWantWriteError))
                now = time.monotonic()
                if spin_end > begin and (now >= spin_end or now - before > _LONG_YIELD):
                    # The spin failed: the game takes longer, or another process needs the core.
                    self._backoff = min(2 * self._backoff + 1, _LONGEST_BACKOFF)
                    self._waits_to_sleep = self._backoff
                    spin_end = begin
            else:
                if spin_end > begin:
                    self._backoff = 0
                return count
        raise TimeoutError

    def _send(self, data: bytes, deadline: float, header: bytes = b"") -> None:
        unsent = memoryview(data)
        while header or unsent:
            remaining = _remaining(deadline)
            try:
                count = self._socket.sendmsg([header, unsent]) if header else self._socket.send(unsent)
            except _WOULD_BLOCK as error:
                _wait(self._socket, remaining, for_sending=not isinstance(error, ssl.SSLWantReadError))
                continue
            unsent = unsent[max(0, count - len(header)) :]
            header = header[count:]

    def _raise_closed(self) -> None:
        error = self._protocol.parser_exc
        if error is not None and not isinstance(error, EOFError):
            raise errors.ProtocolError(
                "The game sent something that is not a WebSocket message, or is too large.",
                where="docs/protocol.md, section 1",
                expected=f"messages of at most {self._reader.max_size} bytes",
                got=str(error),
                remedy="Return less in get_info(): only infos may make a reply longer (docs/protocol.md, 1.7).",
            )
        close: Close | None = self._protocol.close_rcvd
        raise ConnectionResetError(close.reason if close and close.reason else "the game closed the connection")

    def _flush(self, deadline: float) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._send(data, deadline)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection without waiting for the game (docs/protocol.md, 1.6). Safe to call twice."""
        try:
            if self._protocol.state is State.OPEN:
                self._protocol.send_close(code, reason.encode()[:123].decode("utf-8", "ignore"))
                self._flush(time.monotonic() + 1.0)
        except OSError:
            pass
        finally:
            self._socket.close()

    def reject(self, reason: str) -> None:
        """Close because of a message that the protocol does not allow (docs/protocol.md, 1.6)."""
        self.close(CLOSE_PROTOCOL, reason)


def _remaining(deadline: float) -> float:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError
    return remaining


def _yield_core() -> None:
    """Let another process that waits for the core run."""
    if sys.platform == "win32":
        time.sleep(0)
    else:
        os.sched_yield()


def _wait(client: socket.socket, seconds: float, *, for_sending: bool = False) -> None:
    """Sleep until the socket can be read (or written, `for_sending`), or for about `seconds`."""
    seconds = min(seconds, _LONGEST_SLEEP)
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(client, select.POLLOUT if for_sending else select.POLLIN)
        poll.poll(seconds * 1000)
    elif for_sending:
        select.select([], [client], [client], seconds)
    else:
        select.select([client], [], [], seconds)

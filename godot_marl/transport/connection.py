"""The open connection to one game, with a deadline on every wait.

The WebSocket protocol itself is the Sans-I/O layer of `websockets`, with a short way around it for whole messages
(`godot_marl.framing`); here is the socket only, because that is the fastest way to a round trip.
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
from godot_marl.framing import FrameReader, header_of
from godot_marl.protocol import CLOSE_PROTOCOL

# More costs a mapping of memory at every call.
_CHUNK = 1 << 16
# The bytes of a message until the sizes are known (1.7).
LONGEST_OF_HANDSHAKE = 1 << 26
# To fall asleep and to be woken costs a tenth of a millisecond, which staying awake saves where the answer comes soon.
SPIN_SECONDS = 0.001
# Where it does not, so many waits at most are slept through before it is tried again.
_LONGEST_SLUMBER = 256
# If it takes longer than this to give way, another program had the core: to stay awake costs us our own turns then.
_LONG_TURN = 0.0001
# TLS may have to send something in order to receive, and the other way round.
_NOT_YET = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
# poll() counts milliseconds in 32 bits.
_LONGEST_SLEEP = 3600.0


class Link:
    """The open connection to one game. Made by `Listener.accept`.

    Args:
        client: The socket, which may be one of TLS.
        protocol: The library's connection, open.
        spin_seconds: As the attribute.

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
        self._reader = FrameReader(protocol, LONGEST_OF_HANDSHAKE)
        self._gathers = hasattr(client, "sendmsg") and not isinstance(client, ssl.SSLSocket)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)

    def limit(self, size: int) -> None:
        """From now on no message of the game may have more bytes than this."""
        self._reader.limit(size)

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
        if len(data) <= _CHUNK or not self._gathers:
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
            except _NOT_YET as error:
                before = now
                if now < awake:
                    _give_way()
                else:
                    _wait(self._socket, deadline - now, for_sending=isinstance(error, ssl.SSLWantWriteError))
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
            except _NOT_YET as error:
                _wait(self._socket, remaining, for_sending=not isinstance(error, ssl.SSLWantReadError))
                continue
            unsent = unsent[max(0, count - len(header)) :]
            header = header[count:]

    def _raise_closed(self) -> None:
        error = self._protocol.parser_exc
        if error is not None and not isinstance(error, EOFError):
            raise errors.ProtocolError(
                "The game sent something that is no WebSocket message, or one that is too large.",
                where="docs/protocol.md, section 1",
                expected=f"messages of at most {self._reader.max_size} bytes",
                got=str(error),
                remedy="Let get_info() answer less; only what is no observation may grow (docs/protocol.md, 1.7).",
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

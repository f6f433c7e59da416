"""TLS over a socket, with a hand on the records: one flight of them may be changed before it is sent."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from typing import Any, TypeVar

from mutations import Tape, mutate_bytes

T = TypeVar("T")

# An alert, the beginning of a hello, a record of more than any may have, one of an older version, and no TLS at all.
OTHER_MESSAGES = [
    b"\x15\x03\x03\x00\x02\x02\x28",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32),
    b"\x17\x03\x03\xff\xff" + bytes(300),
    b"\x16\x02\x00\x00\x04\x0e\x00\x00\x00",
    b"GET / HTTP/1.1\r\nHost: here\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"",
]


class Striking:
    """Changes one flight of records.

    Args:
        tape: Decides how.
        flight: Which, from 1; 0 for none.
    """

    def __init__(self, tape: Tape, flight: int) -> None:
        self._tape = tape
        self._left = flight
        self.falls_silent = flight > 0 and tape.below(16) == 0

    def next(self, data: bytes) -> tuple[bytes, bool]:
        """What to send instead, and whether that is the last."""
        self._left -= 1
        if self._left != 0:
            return data, False
        records = records_in(data)
        changes: list[Callable[[], bytes]] = [
            lambda: mutate_bytes(self._tape, data, OTHER_MESSAGES),
            lambda: self._tape.one_of(OTHER_MESSAGES),
            lambda: data[: self._tape.below(len(data))],
            lambda: b"".join(record * (1 + (i == self._tape.below(len(records)))) for i, record in enumerate(records)),
            lambda: b"".join(reversed(records)) if len(records) > 1 else data + data,
            lambda: flipped(self._tape, data),
            lambda: self._tape.one_of(OTHER_MESSAGES) + data,
            lambda: b"".join(bytes([self._tape.below(256)]) for _ in range(1000)),
        ]
        changed = self._tape.one_of(changes)()
        return changed, self.falls_silent


def flipped(tape: Tape, data: bytes) -> bytes:
    place = tape.below(len(data))
    return data[:place] + bytes([data[place] ^ 1 << tape.below(8)]) + data[place + 1 :]


def records_in(data: bytes) -> list[bytes]:
    """A flight cut into its records."""
    records: list[bytes] = []
    while data:
        end = 5 + int.from_bytes(data[3:5], "big")
        records.append(data[:end])
        data = data[end:]
    return records


class Records:
    """One side of a TLS connection.

    Args:
        peer: The socket.
        striking: What becomes of the records.

    Attributes:
        is_silent: True once nothing more is to be sent.
    """

    def __init__(self, peer: socket.socket, striking: Striking) -> None:
        self.is_silent = False
        self._socket = peer
        self._striking = striking
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None

    def begin(self, context: ssl.SSLContext, **options: Any) -> None:
        """Shake hands."""
        self._tls = context.wrap_bio(self._incoming, self._outgoing, **options)
        self._pump(self._tls.do_handshake)

    def send(self, data: bytes) -> None:
        tls = self._tls
        assert tls is not None
        self._pump(lambda: tls.write(data))

    def receive(self) -> bytes:
        """What there is, at least a byte."""
        tls = self._tls
        assert tls is not None
        data = self._pump(lambda: tls.read(65_536))
        if not data:
            raise EOFError
        return data

    def receive_until(self, sign: bytes) -> bytes:
        data = b""
        while sign not in data:
            data += self.receive()
        return data

    def _pump(self, action: Callable[[], T]) -> T:
        while True:
            try:
                result = action()
            except ssl.SSLWantReadError:
                self._flush()
                data = self._socket.recv(65_536)
                if not data:
                    raise EOFError from None
                self._incoming.write(data)
            else:
                self._flush()
                return result

    def _flush(self) -> None:
        data = self._outgoing.read()
        if data:
            changed, self.is_silent = self._striking.next(data)
            self._socket.sendall(changed)
            if self.is_silent:
                raise EOFError

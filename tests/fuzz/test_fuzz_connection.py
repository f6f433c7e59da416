"""Bytes on a socket that are almost WebSocket frames: 300 streams, and 5,000 with `--nightly`.

The link hands out what the library `websockets` alone would, and then says that the connection is over.
"""

from __future__ import annotations

import socket
import struct
import time
from collections import Counter

import numpy as np
from fuzzing import OTHER_MESSAGES
from library_reader import LibraryReader
from mutations import Tape, mutate_bytes, mutated_bytes
from websockets.protocol import State
from websockets.server import ServerProtocol

from godot_marl.errors import ProtocolError
from godot_marl.transport.connection import Connection

MAX_SIZE = 1 << 26
SECONDS = 10.0


def masked_frame(tape: Tape, opcode: int, payload: bytes) -> bytes:
    """A frame of a client; now and then its length is a lie, or it lacks its mask."""
    first = tape.one_of([0x80 | opcode] * 12 + [opcode, 0xC0 | opcode, 0x80 | tape.below(16), tape.below(256)])
    size = tape.one_of([len(payload)] * 20 + [len(payload) + 1, 0, 1 << 26, (1 << 26) + 1, 1 << 62])
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size) if size < 65536 else b""
    mask = bytes([tape.below(256) for _ in range(4)])
    masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    return bytes([first]) + (length or b"\xff" + struct.pack(">Q", size)) + mask + masked


def stream_of(tape: Tape) -> bytes:
    frames = []
    for _ in range(1 + tape.below(4)):
        opcode = tape.one_of([1, 2, 2, 2, 8, 9, 10])
        payload = mutated_bytes(tape, tape.one_of(OTHER_MESSAGES), OTHER_MESSAGES)
        frames.append(masked_frame(tape, opcode, payload[: 125 if opcode > 2 else None]))
    stream = b"".join(frames)
    return mutate_bytes(tape, stream, OTHER_MESSAGES) if tape.below(4) == 0 else stream


def library_messages(stream: bytes) -> list[str | bytes]:
    reader = LibraryReader(ServerProtocol(state=State.OPEN, max_size=MAX_SIZE))
    reader.read(stream)
    return reader.messages


def link_messages(listener: socket.socket, stream: bytes, counts: Counter[str]) -> list[str | bytes]:
    """What the link hands out until it says why there is no more."""
    with socket.create_connection(listener.getsockname()) as client:
        link = Connection(listener.accept()[0], ServerProtocol(state=State.OPEN, max_size=MAX_SIZE))
        try:
            client.sendall(stream)
            client.shutdown(socket.SHUT_WR)
            messages: list[str | bytes] = []
            while True:
                message = link.receive(time.monotonic() + SECONDS)
                messages.append(message if isinstance(message, str) else bytes(message))
        except (ConnectionError, ProtocolError) as end:
            counts[type(end).__name__] += 1
            return messages
        finally:
            link.close()


def test_a_connection_returns_whole_messages_and_nothing_else(nightly: bool, fuzz_seed: int) -> None:
    random = np.random.default_rng(fuzz_seed)
    counts: Counter[str] = Counter()
    streams = 5_000 if nightly else 300
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for number in range(streams):
            stream = stream_of(Tape(random.bytes(64)))
            found = link_messages(listener, stream, counts)
            assert found == library_messages(stream), f"stream {number}: {stream[:500]!r}"
            counts["messages"] += len(found)
    assert counts["ConnectionResetError"] + counts["ProtocolError"] == streams
    assert min(counts["ProtocolError"], counts["messages"]) > streams // 20

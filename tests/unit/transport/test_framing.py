"""Frames on the short way, against a reader that leaves everything to `websockets`."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from library_reader import LibraryReader
from websockets.protocol import State
from websockets.server import ServerProtocol

from godot_marl.transport.framing import FrameReader, header_of

MAX_SIZE = 70_000
SIZES = [0, 1, 3, 4, 5, 124, 125, 126, 127, 4000, 65_521, 65_522, 65_535, 65_536, 65_537, 69_999, 70_000, 70_001]
thorough = settings(max_examples=300)

Seen = tuple[list[str | bytes], bytes, State, str, str]


def open_protocol() -> ServerProtocol:
    return ServerProtocol(state=State.OPEN, max_size=MAX_SIZE)


class ShortReader:
    """The reader under test, as the link uses it."""

    def __init__(self, protocol: ServerProtocol, max_size: int = MAX_SIZE) -> None:
        self._reader = FrameReader(protocol, max_size)
        self.messages: list[str | bytes | memoryview] = []

    def read(self, data: bytes) -> None:
        if not data:
            self._reader.consume(0)
        while data:
            space = self._reader.space
            count = min(len(space), len(data))
            assert count
            space[:count] = data[:count]
            self._reader.consume(count)
            data = data[count:]
        self.messages += self._reader.messages
        self._reader.messages.clear()


def read_all(reader_class: Any, chunks: list[bytes]) -> list[Seen]:
    """What a program can see after each chunk: messages, what is sent, the state, the fault and the close."""
    protocol = open_protocol()
    reader = reader_class(protocol)
    seen = []
    for chunk in chunks:
        reader.read(chunk)
        sent = b"|".join(protocol.data_to_send())
        # How far into a message the stream ended is not reported.
        fault = protocol.parser_exc
        told = type(fault).__name__ if isinstance(fault, EOFError) else repr(fault)
        seen.append((list(reader.messages), sent, protocol.state, told, repr(protocol.close_rcvd)))
    return seen


def raw_frame(first: int, payload: bytes, mask: bytes | None, *, length: int | None = None, wide: int = 0) -> bytes:
    """A frame, however wrong: `length` is what the header claims, `wide` the bytes that it is at least written in."""
    claimed = len(payload) if length is None else length
    flag = 0 if mask is None else 0x80
    if claimed < 126 and not wide:
        header = bytes([first, flag | claimed])
    elif claimed < 1 << 16 and wide < 8:
        header = bytes([first, flag | 126]) + claimed.to_bytes(2, "big")
    else:
        header = bytes([first, flag | 127]) + claimed.to_bytes(8, "big")
    if mask is None:
        return header + payload
    masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    return header + mask + masked


MASKS = st.binary(min_size=4, max_size=4)
PAYLOADS = st.binary(max_size=20) | st.text(max_size=10).map(str.encode)
LONG_PAYLOADS = st.builds(
    lambda size, seed: np.random.default_rng(seed).bytes(size), st.sampled_from(SIZES), st.integers(0, 2**32)
)
WHOLE = st.builds(raw_frame, st.sampled_from([0x81, 0x82]), PAYLOADS | LONG_PAYLOADS, MASKS)
CONTROL = st.builds(raw_frame, st.sampled_from([0x89, 0x8A]), st.binary(max_size=125), MASKS)
FRAGMENT = st.builds(raw_frame, st.sampled_from([0x01, 0x02, 0x00, 0x80]), PAYLOADS, MASKS)
CLOSE = st.builds(raw_frame, st.just(0x88), st.sampled_from([b"", b"\x03\xe8", b"\x0f\xa0over", b"\x00"]), MASKS)


@st.composite
def fragmented(draw: st.DrawFn) -> bytes:
    """A message in fragments, with pings between."""
    payloads = draw(st.lists(PAYLOADS | LONG_PAYLOADS, min_size=2, max_size=4))
    frames = []
    for i, payload in enumerate(payloads):
        opcode = draw(st.sampled_from([1, 2])) if i == 0 else 0
        frames += draw(st.lists(CONTROL, max_size=1))
        frames.append(raw_frame(opcode | (0x80 if i == len(payloads) - 1 else 0), payload, draw(MASKS)))
    return b"".join(frames)


TOO_LONG = st.sampled_from([MAX_SIZE + 1, 2**32, 2**63, 2**64 - 1])
MALFORMED = st.one_of(
    st.binary(min_size=1, max_size=30),
    st.builds(raw_frame, st.integers(0, 255), PAYLOADS, MASKS | st.none()),
    st.builds(raw_frame, st.just(0x82), PAYLOADS, MASKS, length=TOO_LONG),
    st.builds(raw_frame, st.sampled_from([0x82, 0x89, 0x02]), PAYLOADS, MASKS, wide=st.sampled_from([2, 8])),
    st.builds(raw_frame, st.just(0x89), st.binary(min_size=126, max_size=130), MASKS),
)
STREAMS = st.lists(WHOLE | CONTROL | fragmented() | FRAGMENT | CLOSE | MALFORMED, max_size=6).map(b"".join)


@st.composite
def chunked(draw: st.DrawFn) -> list[bytes]:
    """A stream, cut anywhere, and perhaps its end."""
    stream = draw(STREAMS)
    small = st.integers(0, min(40, len(stream)))
    cuts = sorted(draw(st.lists(small | st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    return [piece for piece in pieces if piece] + ([b""] if draw(st.booleans()) else [])


@thorough
@given(chunked())
def test_every_stream_is_read_as_the_library_reads_it(chunks: list[bytes]) -> None:
    assert read_all(ShortReader, chunks) == read_all(LibraryReader, chunks)


@pytest.mark.parametrize("first", [0x81, 0x82, 0x89, 0x02, 0xC2, 0x83, 0x88])
@pytest.mark.parametrize("length", [5, 125, 126, 200, MAX_SIZE + 1])
@pytest.mark.parametrize("mask", [b"mask", None], ids=["masked", "unmasked"])
def test_every_place_to_cut_a_header_is_the_same_to_both(first: int, length: int, mask: bytes | None) -> None:
    frame = raw_frame(first, bytes(range(200))[:length], mask, length=length)
    stream = raw_frame(0x81, b"before", b"1234") + frame + raw_frame(0x82, b"after", b"4321")
    for cut in range(1, 40):
        chunks = [stream[:cut], stream[cut : cut + 1], stream[cut + 1 :], b""]
        assert read_all(ShortReader, chunks) == read_all(LibraryReader, chunks)


@pytest.mark.parametrize("size", SIZES[:-1])
@pytest.mark.parametrize("is_text", [False, True])
def test_a_message_of_any_size_is_sent_as_the_library_sends_it(size: int, is_text: bool) -> None:
    message = b"x" * size
    protocol = open_protocol()
    (protocol.send_text if is_text else protocol.send_binary)(message)
    assert header_of(message, is_text=is_text) + message == b"".join(protocol.data_to_send())


def test_a_message_of_several_buffers_is_read_into_one_of_its_size() -> None:
    protocol = ServerProtocol(state=State.OPEN, max_size=1 << 26)
    reader = ShortReader(protocol, 1 << 26)
    message = os.urandom(1 << 20)
    client = raw_frame(0x82, message, b"\x01\x02\x03\x04")
    for _ in range(2):
        for begin in range(0, len(client), 100_000):
            reader.read(client[begin : begin + 100_000])
    first, second = reader.messages
    assert first == second == message
    assert isinstance(first, memoryview)
    first[:] = bytes(len(first))
    assert second == message


def test_messages_that_grow_by_single_bytes_find_room() -> None:
    reader = ShortReader(open_protocol())
    messages = [os.urandom(1000 + i) for i in range(12)]
    for message in messages:
        frame = raw_frame(0x82, message, b"\x01\x02\x03\x04")
        reader.read(frame[:500])
        reader.read(frame[500:])
    assert reader.messages == messages

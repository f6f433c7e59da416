"""WebSocket frames on the short way: whole data frames are read and written here, all else by `websockets`.

A message of ours is one unfragmented frame, so a few comparisons and one unmasking are all that it needs. Control
frames, fragments, closes and every fault go to the library as the bytes that they came in, so what becomes of them is
its business, and the same as if it had read everything.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

try:
    from websockets.speedups import apply_mask
except ImportError:
    from websockets.utils import apply_mask

# A message that does not come in one piece is read into a buffer of at least its size.
_SPACE = 1 << 16
_FIN = 0x80
_MASKED = 0x80
_WHOLE_TEXT, _WHOLE_BINARY = _FIN | int(Opcode.TEXT), _FIN | int(Opcode.BINARY)
_OPCODES = frozenset(map(int, Opcode))
_MASK_SIZE = 4


def header_of(message: bytes, *, is_text: bool) -> bytes:
    """The header of the frame in which a server sends a whole message (RFC 6455, 5.2)."""
    first, length = _WHOLE_TEXT if is_text else _WHOLE_BINARY, len(message)
    if length < 126:
        return bytes((first, length))
    if length < 1 << 16:
        return bytes((first, 126)) + length.to_bytes(2, "big")
    return bytes((first, 127)) + length.to_bytes(8, "big")


class FrameReader:
    """Makes messages of the bytes that a client sends.

    Write what has arrived into `space`, and say with `take` how much it is.

    Args:
        protocol: The library's connection, open. What is to be sent because of what came is in its `data_to_send`.
        max_size: How many bytes the library allows a message.

    Attributes:
        max_size: The same; `limit` changes it.
        messages: The messages that have arrived, the oldest first; the caller takes them out. A memoryview is one of
            bytes that nobody else has: it can be written to. A byte of a text that is no UTF-8 is a lone surrogate in
            it, which no JSON has, so the session refuses it.
    """

    def __init__(self, protocol: ServerProtocol, max_size: int) -> None:
        self.messages: deque[str | bytes | memoryview] = deque()
        self._protocol = protocol
        self.max_size = max_size
        self._buffer = bytearray(_SPACE)
        self._view = memoryview(self._buffer)
        # The beginning of a header, at the beginning of the buffer.
        self._kept = 0
        self._large: _Large | None = None
        self._room = bytearray()
        # How much of a frame that is the library's has not yet come.
        self._foreign = 0
        # Not empty in the midst of a fragmented message.
        self._fragments: list[bytes] = []
        self._is_text = False

    def limit(self, size: int) -> None:
        """From the next frame on, a message may have this many bytes."""
        self.max_size = size
        # The first is its name in older versions of the library.
        name = "max_size" if hasattr(self._protocol, "max_size") else "max_message_size"
        setattr(self._protocol, name, size)

    @property
    def space(self) -> memoryview:
        """Where to write the next bytes; never empty."""
        if self._large is not None:
            return self._large.space
        return self._view[self._kept :] if self._kept else self._view

    def take(self, count: int) -> None:
        """Take in what was written to the first `count` bytes of `space`; 0 is the end of the stream."""
        if not count:
            self._protocol.receive_eof()
            self._collect()
        elif self._large is not None:
            self._large.advance(count)
            if not self._large.space:
                large, self._large = self._large, None
                data = large.unmasked()
                self.messages.append(str(data, "utf-8", "surrogateescape") if large.is_text else data)
        else:
            begin, end = 0, self._kept + count
            self._kept = 0
            while begin < end:
                used = self._take_frame(begin, end)
                if not used:
                    self._kept = end - begin
                    self._buffer[: self._kept] = bytes(self._view[begin:end])
                    return
                begin += used

    def _take_frame(self, begin: int, end: int) -> int:
        """Take what there is of a frame; 0 if more bytes are needed to know what it is."""
        buffer = self._buffer
        if self._foreign or self._protocol.state is not State.OPEN:
            return self._feed(begin, end)
        if end - begin < 2:
            return 0
        first, second = buffer[begin], buffer[begin + 1]
        if first & 0x0F not in _OPCODES or second < _MASKED:
            # The library does not wait for more to find the fault.
            return self._feed(begin, end)
        length = second - _MASKED
        payload = begin + 2 + _MASK_SIZE
        if length >= 126:
            payload += 2 if length == 126 else 8
            if payload - _MASK_SIZE > end:
                return 0
            length = int.from_bytes(self._view[begin + 2 : payload - _MASK_SIZE], "big")
        is_text = first == _WHOLE_TEXT
        if not (is_text or first == _WHOLE_BINARY) or self._fragments or length > self.max_size:
            self._foreign = payload + length - begin
            return self._feed(begin, end)
        if payload > end:
            return 0
        mask = bytes(self._view[payload - _MASK_SIZE : payload])
        if payload + length > end:
            # Whole words are unmasked, the last of which may reach beyond the message.
            if len(self._room) < length + _MASK_SIZE:
                self._room = bytearray(length + _MASK_SIZE)
            self._large = _Large(self._room, length, mask, is_text)
            self._large.add(self._view[payload:end])
            return end - begin
        self._append(self._view[payload : payload + length], mask, is_text)
        return payload + length - begin

    def _append(self, masked: memoryview, mask: bytes, is_text: bool) -> None:
        data = apply_mask(masked, mask)
        self.messages.append(data.decode("utf-8", "surrogateescape") if is_text else data)

    def _feed(self, begin: int, end: int) -> int:
        """Give the library what there is of its frame, or everything once the connection is no longer open."""
        count = min(end - begin, self._foreign) if self._foreign else end - begin
        self._protocol.receive_data(bytes(self._view[begin : begin + count]))
        self._foreign -= min(count, self._foreign)
        if self._protocol.state is not State.OPEN:
            self._foreign = 0
        self._collect()
        return count

    def _collect(self) -> None:
        for frame in self._protocol.events_received():
            if isinstance(frame, Frame) and frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                self._collect_fragment(frame)

    def _collect_fragment(self, frame: Frame) -> None:
        if frame.opcode is not Opcode.CONT:
            self._fragments = []
            self._is_text = frame.opcode is Opcode.TEXT
        self._fragments.append(bytes(frame.data))
        if frame.fin:
            data = b"".join(self._fragments)
            self._fragments = []
            self.messages.append(data.decode("utf-8", "surrogateescape") if self._is_text else data)


class _Large:
    """A message that has not come whole, read into a place that is used again: fresh memory is dear.

    Args:
        room: The place, large enough.
        length: How many bytes the message has.
        mask: What it is masked with.
        is_text: Whether it is a text.
    """

    def __init__(self, room: bytearray, length: int, mask: bytes, is_text: bool) -> None:
        self.filled = 0
        self.length = length
        self.mask = mask
        self.is_text = is_text
        self.space = memoryview(room)[:length]
        self._room = room

    def add(self, data: memoryview) -> None:
        """Put a part of the message that lies elsewhere behind the others."""
        self.space[: len(data)] = data
        self.advance(len(data))

    def advance(self, count: int) -> None:
        """Note that the first bytes of `space` were written."""
        self.filled += count
        self.space = self.space[count:]

    def unmasked(self) -> memoryview:
        """The message, in memory of its own."""
        words = np.frombuffer(self._room, np.uint32, -(-self.length // _MASK_SIZE))
        plain: np.ndarray[Any, np.dtype[np.uint32]] = np.bitwise_xor(words, np.frombuffer(self.mask, np.uint32))
        return plain.data.cast("B")[: self.length]

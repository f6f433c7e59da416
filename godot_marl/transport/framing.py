"""A fast path for WebSocket frames: reads and writes unfragmented data frames, and leaves all others to `websockets`.

A message of the protocol is one unfragmented WebSocket frame, which needs a few comparisons and one unmasking. Control
frames, fragments, closes and every fault go to the library unchanged, so it behaves as if it had read everything.
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

# Bytes; a message that does not fit gets a buffer of its own.
_BUFFER_SIZE = 1 << 16
_FIN = 0x80
_MASKED = 0x80
_WHOLE_TEXT, _WHOLE_BINARY = _FIN | int(Opcode.TEXT), _FIN | int(Opcode.BINARY)
_OPCODES = frozenset(map(int, Opcode))
_MASK_SIZE = 4


def header_of(message: bytes, *, is_text: bool) -> bytes:
    """The header of the WebSocket frame in which a server sends a whole message (RFC 6455, 5.2)."""
    first, length = _WHOLE_TEXT if is_text else _WHOLE_BINARY, len(message)
    if length < 126:
        return bytes((first, length))
    if length < 1 << 16:
        return bytes((first, 126)) + length.to_bytes(2, "big")
    return bytes((first, 127)) + length.to_bytes(8, "big")


class FrameReader:
    """Makes messages from the bytes that a client sends.

    The caller writes the bytes that arrive into `space`, and calls `consume` with their number.

    Args:
        protocol: The open connection of the `websockets` library. Its `data_to_send` has the bytes to send in response.
        max_size: The maximum size of a message, in bytes.

    Attributes:
        max_size: The maximum size of a message, in bytes; `limit` changes it.
        messages: The messages that have arrived, the oldest first; the caller removes them. A memoryview is writable,
            and the caller owns its bytes. Invalid UTF-8 in a text becomes lone surrogates, which the session rejects.
    """

    def __init__(self, protocol: ServerProtocol, max_size: int) -> None:
        self.messages: deque[str | bytes | memoryview] = deque()
        self._protocol = protocol
        self.max_size = max_size
        self._buffer = bytearray(_BUFFER_SIZE)
        self._view = memoryview(self._buffer)
        # Bytes of an incomplete header, at the start of the buffer.
        self._buffered = 0
        self._large: _LargeMessage | None = None
        self._large_buffer = bytearray()
        # Bytes still to come of a WebSocket frame that the library reads.
        self._library_bytes = 0
        # Not empty in the middle of a fragmented message.
        self._fragments: list[bytes] = []
        self._is_text = False

    def limit(self, size: int) -> None:
        """Set the maximum size of a message, in bytes, from the next WebSocket frame on."""
        self.max_size = size
        # Older versions of the library name it max_size.
        name = "max_size" if hasattr(self._protocol, "max_size") else "max_message_size"
        setattr(self._protocol, name, size)

    @property
    def space(self) -> memoryview:
        """Where to write the next bytes; never empty."""
        if self._large is not None:
            return self._large.space
        return self._view[self._buffered :] if self._buffered else self._view

    def consume(self, count: int) -> None:
        """Consume the first `count` bytes of `space`; 0 is the end of the stream."""
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
            begin, end = 0, self._buffered + count
            self._buffered = 0
            while begin < end:
                consumed = self._consume_frame(begin, end)
                if not consumed:
                    self._buffered = end - begin
                    self._buffer[: self._buffered] = bytes(self._view[begin:end])
                    return
                begin += consumed

    def _consume_frame(self, begin: int, end: int) -> int:
        """Consume the bytes of one WebSocket frame, and return their number; 0 if its header is incomplete."""
        buffer = self._buffer
        if self._library_bytes or self._protocol.state is not State.OPEN:
            return self._feed(begin, end)
        if end - begin < 2:
            return 0
        first, second = buffer[begin], buffer[begin + 1]
        if first & 0x0F not in _OPCODES or second < _MASKED:
            # A fault; the library reports it without more bytes.
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
            self._library_bytes = payload + length - begin
            return self._feed(begin, end)
        if payload > end:
            return 0
        mask = bytes(self._view[payload - _MASK_SIZE : payload])
        if payload + length > end:
            # Unmasking works on whole words, the last of which may reach beyond the message.
            if len(self._large_buffer) < length + _MASK_SIZE:
                self._large_buffer = bytearray(length + _MASK_SIZE)
            self._large = _LargeMessage(self._large_buffer, length, mask, is_text)
            self._large.add(self._view[payload:end])
            return end - begin
        self._append(self._view[payload : payload + length], mask, is_text)
        return payload + length - begin

    def _append(self, masked: memoryview, mask: bytes, is_text: bool) -> None:
        data = apply_mask(masked, mask)
        self.messages.append(data.decode("utf-8", "surrogateescape") if is_text else data)

    def _feed(self, begin: int, end: int) -> int:
        """Pass the bytes of the current WebSocket frame to the library, or all bytes if the connection is not open."""
        count = min(end - begin, self._library_bytes) if self._library_bytes else end - begin
        self._protocol.receive_data(bytes(self._view[begin : begin + count]))
        self._library_bytes -= min(count, self._library_bytes)
        if self._protocol.state is not State.OPEN:
            self._library_bytes = 0
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


class _LargeMessage:
    """A message that arrives in several reads, in a buffer that is reused: new memory is slow.

    Args:
        buffer: At least `length` bytes, rounded up to whole words.
        length: The size of the message, in bytes.
        mask: The mask of its WebSocket frame.
        is_text: Whether it is a text message.
    """

    def __init__(self, buffer: bytearray, length: int, mask: bytes, is_text: bool) -> None:
        self.filled = 0
        self.length = length
        self.mask = mask
        self.is_text = is_text
        self.space = memoryview(buffer)[:length]
        self._buffer = buffer

    def add(self, data: memoryview) -> None:
        """Append bytes of the message that were read into another buffer."""
        self.space[: len(data)] = data
        self.advance(len(data))

    def advance(self, count: int) -> None:
        """Mark the first `count` bytes of `space` as written."""
        self.filled += count
        self.space = self.space[count:]

    def unmasked(self) -> memoryview:
        """The unmasked message, in new memory."""
        words = np.frombuffer(self._buffer, np.uint32, -(-self.length // _MASK_SIZE))
        unmasked: np.ndarray[Any, np.dtype[np.uint32]] = np.bitwise_xor(words, np.frombuffer(self.mask, np.uint32))
        return unmasked.data.cast("B")[: self.length]

"""WebSocket frames on the short way: whole data frames are read and written here, all else by `websockets`.

A message of ours is one unfragmented frame, so a few comparisons and one unmasking are all that it needs. Control
frames, fragments, closes and every fault go to the library as the bytes that they came in, so what becomes of them is
its business, and the same as if it had read everything.
"""

from __future__ import annotations

from collections import deque

from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

try:
    from websockets.speedups import apply_mask
except ImportError:
    from websockets.utils import apply_mask

# More is read straight into a buffer of the message's own size.
_SPACE = 1 << 16
_FIN = 0x80
_MASKED = 0x80
_WHOLE_TEXT, _WHOLE_BINARY = _FIN | Opcode.TEXT, _FIN | Opcode.BINARY
_OPCODES = frozenset(Opcode)
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

    Attributes:
        messages: The messages that have arrived, the oldest first; the caller takes them out.
    """

    def __init__(self, protocol: ServerProtocol) -> None:
        self.messages: deque[str | bytes] = deque()
        self._protocol = protocol
        self._buffer = bytearray(_SPACE)
        self._view = memoryview(self._buffer)
        # The beginning of a header, at the beginning of the buffer.
        self._kept = 0
        self._large: _Large | None = None
        # How much of a frame that is the library's has not yet come.
        self._foreign = 0
        self._fragments: list[bytes] = []
        self._is_text = False

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
            self._large.filled += count
            if self._large.is_whole:
                large, self._large = self._large, None
                self._append(large.buffer, large.mask, large.is_text)
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
        protocol, buffer = self._protocol, self._buffer
        if self._foreign or protocol.state is not State.OPEN:
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
        limit = protocol.max_message_size
        if (
            not (is_text or first == _WHOLE_BINARY)
            or protocol.current_size is not None
            or (limit is not None and length > limit)
        ):
            self._foreign = payload + length - begin
            return self._feed(begin, end)
        if payload > end:
            return 0
        mask = bytes(self._view[payload - _MASK_SIZE : payload])
        if payload + length > end:
            self._large = _Large(length, self._view[payload:end], mask, is_text)
            return end - begin
        self._append(self._view[payload : payload + length], mask, is_text)
        return payload + length - begin

    def _append(self, masked: memoryview | bytearray, mask: bytes, is_text: bool) -> None:
        data = apply_mask(masked, mask)
        self.messages.append(data.decode("utf-8", "replace") if is_text else data)

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
            self.messages.append(data.decode("utf-8", "replace") if self._is_text else data)


class _Large:
    """A message that has not come whole, in a buffer of its size."""

    def __init__(self, length: int, beginning: memoryview, mask: bytes, is_text: bool) -> None:
        self.buffer = bytearray(length)
        self.filled = len(beginning)
        self.mask = mask
        self.is_text = is_text
        self._view = memoryview(self.buffer)
        self._view[: self.filled] = beginning

    @property
    def space(self) -> memoryview:
        return self._view[self.filled :]

    @property
    def is_whole(self) -> bool:
        return self.filled == len(self.buffer)

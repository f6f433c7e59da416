"""Reads messages with `websockets` alone: what the reader of this package is compared with."""

from __future__ import annotations

from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol


class LibraryReader:
    """What the link did before there was a short way."""

    def __init__(self, protocol: ServerProtocol) -> None:
        self.messages: list[str | bytes] = []
        self._protocol = protocol
        self._fragments: list[bytes] = []

    def read(self, data: bytes) -> None:
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        for frame in self._protocol.events_received():
            if isinstance(frame, Frame) and frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                self._take(frame)

    def _take(self, frame: Frame) -> None:
        if frame.opcode is not Opcode.CONT:
            self._fragments = []
            self._is_text = frame.opcode is Opcode.TEXT
        self._fragments.append(bytes(frame.data))
        if frame.fin:
            message = b"".join(self._fragments)
            self.messages.append(message.decode("utf-8", "surrogateescape") if self._is_text else message)

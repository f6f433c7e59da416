"""A Python that is written byte by byte, and does to a real game as it likes."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
from typing import Any

from websockets.utils import accept_key

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
# How long a game may take that has nothing left to wait for.
PATIENCE = 5.0
CONFIGURE = {"type": "configure", "protocol": 1, "arenas": 1, "real_time": False}
RESET = {"type": "reset", "request": 1, "arenas": [{"arena": 0, "seed": "1", "options": {}}]}


def frame(opcode: int, payload: bytes = b"", *, first: int | None = None, mask: bool = False) -> bytes:
    """A frame of a server; `first` is its first byte if it is to be another."""
    size = len(payload)
    if size < 126:
        length = bytes([size])
    elif size < 1 << 16:
        length = b"\x7e" + struct.pack(">H", size)
    else:
        length = b"\x7f" + struct.pack(">Q", size)
    if mask:
        length = bytes([length[0] | 0x80]) + length[1:] + bytes(4)
    return bytes([0x80 | opcode if first is None else first]) + length + payload


def text(message: dict[str, Any]) -> bytes:
    return frame(TEXT, json.dumps(message).encode())


def closing(code: int, reason: str = "") -> bytes:
    return frame(CLOSE, struct.pack(">H", code) + reason.encode())


class Peer:
    """A game that a person started, and this side of its connection."""

    def __init__(self, command: list[str]) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(30)
        environment = {**os.environ, "ADDRESS": f"ws://127.0.0.1:{self.listener.getsockname()[1]}"}
        self.game = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.client, _ = self.listener.accept()
        self.client.settimeout(30)
        self.request = b""
        while not self.request.endswith(b"\r\n\r\n"):
            self.request += self.client.recv(65536)

    def accept_line(self) -> str:
        headers = dict(line.split(": ", 1) for line in self.request.decode().splitlines()[1:] if line)
        return accept_key(headers["Sec-WebSocket-Key"])

    def upgrade(self, more: bytes = b"") -> None:
        response = (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {self.accept_line()}\r\nSec-WebSocket-Protocol: godot-marl.v1\r\n\r\n"
        )
        self.send(response.encode() + more)

    def send(self, data: bytes) -> None:
        self.client.sendall(data)

    def dribble(self, data: bytes) -> None:
        """Send byte by byte, each in a packet of its own."""
        self.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in data:
            self.client.sendall(bytes([byte]))

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self.client.recv(size - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def receive(self) -> tuple[int, bytes]:
        """A whole frame: its opcode and what it holds."""
        first, length = self._read(2)
        assert first & 0x80
        assert length & 0x80, "a client masks"
        size = length & 0x7F
        if size == 126:
            (size,) = struct.unpack(">H", self._read(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", self._read(8))
        mask = self._read(4)
        payload = self._read(size)
        return first & 0x0F, bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))

    def receive_control(self) -> dict[str, Any]:
        opcode, payload = self.receive()
        assert opcode == TEXT
        message: dict[str, Any] = json.loads(payload)
        return message

    def shake_hands(self) -> None:
        self.upgrade()
        assert self.receive_control()["type"] == "hello"
        self.send(text(CONFIGURE))
        assert self.receive_control()["type"] == "scene"

    def ending(self) -> tuple[int, str]:
        """The game's exit status and the last line that it printed."""
        output, _ = self.game.communicate(timeout=PATIENCE)
        assert "SCRIPT ERROR" not in output, output
        lines = [line for line in output.splitlines() if line]
        return self.game.returncode, lines[-1]

    def close(self) -> None:
        self.client.close()
        self.listener.close()
        self.game.kill()
        self.game.communicate()

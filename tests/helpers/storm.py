"""Many foreign connections at once, to an address where Python waits for a game or has one already."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
from collections import Counter
from types import TracebackType

from waiting import UPGRADE

WRONG_TOKEN = UPGRADE.replace("\r\n\r\n", "\r\nAuthorization: Bearer wrong\r\n\r\n").encode()
BROWSER = UPGRADE.replace("\r\n\r\n", "\r\nOrigin: https://example.org\r\n\r\n").encode()
TLS_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32)
NOISES = {
    "half open": b"",
    "slow": b"",
    "half a request": b"GET / HTT",
    "garbage": bytes(range(128, 256)) * 8,
    "tls": TLS_HELLO,
    "wrong token": WRONG_TOKEN,
    "no token": UPGRADE.encode(),
    "browser": BROWSER,
    "endless line": b"GET /" + b"A" * 3_000_000,
    "endless header": b"GET / HTTP/1.1\r\n" + b"A: B\r\n" * 500_000,
    "port scan": b"",
    "reset": b"GET",
}
# A hundred half-open ones, and all others among them.
_MOST = 150


class Storm:
    """Foreign clients that connect repeatedly, until the end of the block.

    Attributes:
        came: How many were let to connect, by kind.
        refused: How many found nobody who listens.
    """

    def __init__(self, port: int) -> None:
        self.came: Counter[str] = Counter()
        self.refused = 0
        self._port = port
        self._is_over = threading.Event()
        self._clients: list[tuple[str, socket.socket]] = []
        self._thread = threading.Thread(target=self._rage)

    def __enter__(self) -> Storm:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._thread.join()
        for _, client in self._clients:
            client.close()

    def wait_for_one(self) -> None:
        """Let the storm go on for a moment."""
        self._is_over.wait(0.01)

    def _rage(self) -> None:
        kinds = [*NOISES, *["half open"] * len(NOISES)]
        rng = random.Random(1)  # noqa: S311 - nothing secret
        while not self._is_over.wait(0.002):
            self._come(rng.choice(kinds))
            for kind, client in self._clients:
                if kind == "slow":
                    with contextlib.suppress(OSError):
                        client.send(b"G")

    def _come(self, kind: str) -> None:
        client = socket.socket()
        client.settimeout(0.2)
        try:
            client.connect(("127.0.0.1", self._port))
        except ConnectionRefusedError:
            self.refused += 1
            client.close()
            return
        except OSError:
            client.close()
            return
        self.came[kind] += 1
        with contextlib.suppress(OSError):
            client.settimeout(0.02)
            client.sendall(NOISES[kind])
        if kind == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if kind in ("reset", "port scan"):
            client.close()
            return
        self._clients.append((kind, client))
        if len(self._clients) > _MOST:
            self._clients.pop(0)[1].close()

"""Whole games that meet a hostile server of TLS: each ends by itself, for any bytes in the place of records.

6 games, and 60 with `--nightly`.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from certificates import Authority
from fuzzing import DEADLINE, MOST_MEMORY, sum_of
from mutations import Tape
from peer import BINARY, CONFIGURE, PATIENCE, RESET, frame, text
from processes import end_of
from tls_records import Records, Striking
from websockets.utils import accept_key

from godot_marl.engine import Engine

# Which flight of records may be mutated: two or three are the handshake's.
FLIGHTS = 7
STEPS = 3
# How long the server sends nothing to a game that it has accepted and that waits for it.
SILENCE = 0.5


class HostileServer:
    """Follows TLS up to the flight that it mutates, on each connection."""

    def __init__(self, context: ssl.SSLContext, seed: int, flight: int) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self._context = context
        self._random = np.random.default_rng(seed)
        self._flight = flight
        self.counts: Counter[str] = Counter()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._is_over.set()
        # Wakes it, if it waits for a connection.
        with contextlib.suppress(OSError), socket.create_connection(self.listener.getsockname()):
            pass
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive()
        self.listener.close()

    def _serve(self) -> None:
        while not self._is_over.is_set():
            client, _ = self.listener.accept()
            client.settimeout(PATIENCE)
            with client:
                self._play(client)

    def _play(self, client: socket.socket) -> None:
        records = Records(client, Striking(Tape(self._random.bytes(64)), self._flight))
        is_let_in = False
        try:
            records.begin(self._context, server_side=True)
            self.counts["handshakes"] += 1
            request = records.receive_until(b"\r\n\r\n").decode()
            key = request.split("Sec-WebSocket-Key: ")[1].split("\r\n")[0]
            upgrade = f"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: {accept_key(key)}\r\n\r\n"
            records.send(upgrade.encode())
            is_let_in = True
            for sent in self._requests():
                records.send(sent)
                records.receive()
                self.counts["answers"] += 1
        except (OSError, EOFError):
            pass
        if records.is_silent:
            self._is_over.wait(SILENCE if is_let_in else DEADLINE)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_WR)
            while client.recv(65_536):
                pass

    @staticmethod
    def _requests() -> Iterator[bytes]:
        yield text(CONFIGURE)
        yield text(RESET)
        for i in range(STEPS):
            yield frame(BINARY, struct.pack("<BBHIqB", 1, 0, 0, 2 + i, 2, 1))


def play_one(command: list[str], authority: Authority, server: HostileServer) -> Counter[str]:
    try:
        address = f"wss://127.0.0.1:{server.listener.getsockname()[1]}"
        environment = {**os.environ, "ADDRESS": address, "GODOT_MARL_CERTIFICATE": str(authority.file)}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as game:
            status, output, memory = end_of(game, DEADLINE)
    finally:
        server.close()
    assert status in (0, 1), output[-2000:]
    assert "SCRIPT ERROR" not in output, output[-2000:]
    assert memory < MOST_MEMORY, output[-2000:]
    return server.counts + Counter([f"exit status {status}"])


@pytest.mark.godot
@pytest.mark.timeout(900)
def test_a_game_ends_by_itself_for_any_bytes_in_place_of_tls_records(
    engine: Engine, scenes: Path, tmp_path: Path, nightly: bool, fuzz_seed: int
) -> None:
    command = [str(engine.path), "--headless", "--fixed-fps", "60", "--path", str(scenes), "by_hand.tscn"]
    authority = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.pair("127.0.0.1"))
    games = 60 if nightly else 6

    def play(number: int) -> Counter[str]:
        return play_one(command, authority, HostileServer(context, fuzz_seed + number, 1 + number % FLIGHTS))

    counts = sum_of(games, play)
    sys.stdout.write(f"{games} games: {dict(counts)}\n")
    # Some get as far as their steps, and some get an error.
    assert min(counts["answers"], counts["exit status 1"]) > games // 10

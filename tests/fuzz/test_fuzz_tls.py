"""What comes in the place of TLS records: 100 connections to Python, and 2,000 with `--nightly`.

Each client is rejected, or read until its first fault, in time; no byte arrives that no client sent; and the game that
comes after all of them is accepted.
"""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import ssl
import sys
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from certificates import Authority
from mutations import Tape
from tls_records import Records, Striking
from waiting import UPGRADE

from godot_marl.errors import ProtocolError
from godot_marl.transport import listener as listening
from godot_marl.transport.connection import Connection
from godot_marl.transport.listener import Listener
from godot_marl.transport.tls import server_context

# How long a client may be silent, and what a busy machine needs to notice.
SILENCE, NOTICE = 0.3, 10.0
MESSAGES = 3
# A message that is announced has its place, once (1.7).
MOST_MEMORY = 256 << 10
BINARY = 0x82


@dataclass
class Client:
    """A client that mutates its records once, or never."""

    number: int
    tape: Tape
    context: ssl.SSLContext
    can_strike: bool

    def play(self, port: int) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=NOTICE) as client:
            strike = 1 + self.tape.below(6) if self.can_strike else 0
            records = Records(client, Striking(self.tape, strike))
            with contextlib.suppress(OSError, EOFError):
                records.begin(self.context, server_hostname="127.0.0.1")
                records.send(UPGRADE.encode())
                records.receive_until(b"\r\n\r\n")
                for i in range(MESSAGES):
                    records.send(frame(message(self.number, i)))
            if not records.is_silent:
                with contextlib.suppress(OSError):
                    client.shutdown(socket.SHUT_WR)
            wait_for_the_end(client)


def message(number: int, i: int) -> bytes:
    return f"{number}:{i}:".encode() + b"x" * (50_000 if i == 1 else 10)


def frame(payload: bytes) -> bytes:
    """A frame of a client whose mask is zero (1.5)."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes([BINARY]) + length + bytes(4) + payload


def wait_for_the_end(client: socket.socket) -> None:
    """Python hangs up by itself; a timeout here fails the test."""
    with contextlib.suppress(ConnectionError):
        while client.recv(65_536):
            pass


def heard(link: Connection, counts: Counter[str]) -> list[bytes]:
    """What the link hands out until its end."""
    messages: list[bytes] = []
    try:
        while True:
            messages.append(bytes(link.receive(time.monotonic() + SILENCE)))
    except (OSError, ProtocolError) as end:
        counts[type(end).__name__] += 1
        return messages
    finally:
        link.close()


def contexts_of(authority: Authority) -> list[ssl.SSLContext]:
    newest, oldest = authority.client_context(), authority.client_context()
    oldest.maximum_version = ssl.TLSVersion.TLSv1_2
    return [newest, oldest]


@pytest.mark.timeout(600)
def test_bytes_in_place_of_tls_records_are_rejected_or_an_error(
    tmp_path: Path,
    nightly: bool,
    fuzz_seed: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(listening, "_HANDSHAKE_TIMEOUT", SILENCE)
    authority = Authority(tmp_path)
    contexts = contexts_of(authority)
    random = np.random.default_rng(fuzz_seed)
    last = 2_000 if nightly else 100
    clients = [Client(i, Tape(random.bytes(64)), contexts[i % 2], i != last) for i in range(last + 1)]
    counts: Counter[str] = Counter()
    listener = Listener("127.0.0.1", 0, None, server_context(authority.pair("127.0.0.1")))
    files, memory = len(os.listdir("/proc/self/fd")), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def play_all() -> None:
        for client in clients:
            try:
                client.play(listener.port)
            except Exception as error:
                error.add_note(f"client {client.number}")
                raise

    with ThreadPoolExecutor(1) as pool:
        playing: Future[None] = pool.submit(play_all)

        def check() -> None:
            if playing.done():
                playing.result()

        number = -1
        while number != last:
            messages = heard(listener.accept(time.monotonic() + NOTICE, check), counts)
            counts["let in"] += 1
            counts["messages"] += len(messages)
            # Those that arrive are the first that one client sent.
            if messages:
                number = int(messages[0].split(b":")[0])
            assert messages == [message(number, i) for i in range(len(messages))]
        playing.result(NOTICE)
    listener.close()
    assert len(messages) == MESSAGES
    sys.stdout.write(f"{last} connections: {dict(counts)}\n")
    assert "rejected a connection: the TLS handshake failed: " in caplog.text
    assert "rejected a connection: it does not speak TLS" in caplog.text
    # Some are rejected, and some are accepted.
    assert last // 10 < counts["let in"] < last
    assert counts["SSLError"] > last // 20
    assert len(os.listdir("/proc/self/fd")) == files - 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < MOST_MEMORY

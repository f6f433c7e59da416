"""The order of the checks of a handshake, and the limits on clients that never finish one."""

from __future__ import annotations

import contextlib
import hmac
import json
import struct
from collections.abc import Iterator

import psutil
import pytest
from sessions import described
from storm import BROWSER, NOISES, WRONG_TOKEN
from waiting import TOKEN, UPGRADE, Waiting, listening, soon

from godot_marl.errors import ProtocolError
from godot_marl.transport import listener as listener_module
from godot_marl.transport.connection import Connection

LET_IN = f"Authorization: Bearer {TOKEN}\r\n\r\n"


@pytest.fixture
def guarded() -> Iterator[Waiting]:
    with listening(TOKEN) as waiting:
        yield waiting


def reply_to(waiting: Waiting, request: bytes) -> bytes:
    """What a client receives until the end."""
    client = waiting.raw()
    answer = b""
    with contextlib.suppress(ConnectionError):
        client.sendall(request)
        while data := client.recv(4096):
            answer += data
    return answer


def game_gets_in(waiting: Waiting) -> bool:
    waiting.raw().sendall(UPGRADE.replace("\r\n\r\n", "\r\n" + LET_IN).encode())
    return True


# -- The order of the checks -------------------------------------------------------------------------------------------


def test_origin_then_token_then_subprotocol_are_checked_before_anything_is_parsed(
    guarded: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parse(*_: object) -> None:
        raise AssertionError("parsed")

    monkeypatch.setattr(json, "loads", parse)
    future = guarded.accept()
    other = UPGRADE.replace("godot-marl.v1", "chat")
    hello = b"\x81\x82\x00\x00\x00\x00{}"
    assert reply_to(guarded, BROWSER + hello).startswith(b"HTTP/1.1 403 ")
    assert reply_to(guarded, WRONG_TOKEN + hello).startswith(b"HTTP/1.1 401 ")
    assert reply_to(guarded, other.encode() + hello).startswith(b"HTTP/1.1 401 ")
    with_token = other.replace("\r\n\r\n", "\r\n" + LET_IN).encode()
    assert reply_to(guarded, with_token + hello).startswith(b"HTTP/1.1 400 ")
    assert not future.done()
    game_gets_in(guarded)
    assert isinstance(future.result(10), Connection)


def test_the_token_is_compared_in_constant_time(guarded: Waiting, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(given: bytes, expected: bytes) -> bool:
        compared.append((given, expected))
        return given.endswith(b"wrong")

    monkeypatch.setattr(hmac, "compare_digest", compare)
    future = guarded.accept()
    # It decides, and nothing else does.
    assert reply_to(guarded, UPGRADE.replace("\r\n\r\n", "\r\n" + LET_IN).encode()).startswith(b"HTTP/1.1 401 ")
    guarded.raw().sendall(WRONG_TOKEN)
    assert isinstance(future.result(10), Connection)
    expected = f"Bearer {TOKEN}".encode()
    assert compared == [(expected, expected), (b"Bearer wrong", expected)]


# -- Many clients ------------------------------------------------------------------------------------------------------


def test_half_open_connections_are_limited_and_the_oldest_is_dropped(guarded: Waiting) -> None:
    future = guarded.accept()
    before = psutil.Process().num_fds()
    clients = [guarded.raw() for _ in range(200)]
    # The first was let go, while the last is still there.
    assert clients[0].recv(1) == b""
    clients[-1].settimeout(0.2)
    with pytest.raises(TimeoutError):
        clients[-1].recv(1)
    most = listener_module._MAX_PENDING
    assert psutil.Process().num_fds() - before <= len(clients) + most + 5
    game_gets_in(guarded)
    assert isinstance(future.result(10), Connection)


@pytest.mark.parametrize("kind", ["endless line", "endless header"])
def test_a_request_without_end_is_rejected_early(guarded: Waiting, kind: str) -> None:
    future = guarded.accept()
    client = guarded.raw()
    # Both sides' buffers take some of it.
    with pytest.raises(ConnectionError):
        client.sendall(10 * NOISES[kind])
    game_gets_in(guarded)
    assert isinstance(future.result(10), Connection)


# -- The sizes of messages ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [10 * 2**30, 2**24 + 200], ids=["ten gigabytes", "a little more than can be"])
def test_an_announced_size_beyond_the_bound_is_refused_at_its_header(guarded: Waiting, size: int) -> None:
    future = guarded.accept()
    game = guarded.raw()
    game.sendall(UPGRADE.replace("\r\n\r\n", "\r\n" + LET_IN).encode())
    link = future.result(10)
    link.limit(described().longest_message(renders=False))
    before = psutil.Process().memory_info().rss
    game.sendall(b"\x82\xff" + struct.pack(">Q", size) + bytes(4))
    with pytest.raises(ProtocolError, match="too large"):
        link.receive(soon())
    assert psutil.Process().memory_info().rss - before < 2**22

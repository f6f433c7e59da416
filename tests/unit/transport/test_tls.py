"""The encrypted connection: Python's side, with clients of the tests' own."""

from __future__ import annotations

import contextlib
import os
import pickle
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from certificates import Authority, lock
from processes import becomes_true
from tls_client import TlsClient
from waiting import TLS_NEEDED, UPGRADE, Waiting, listening, soon
from websockets.frames import Opcode

from godot_marl import errors
from godot_marl.options import Options
from godot_marl.transport.connection import Connection
from godot_marl.transport.tls import server_context


@pytest.fixture
def waiting(pair: tuple[str, str]) -> Iterator[Waiting]:
    with listening(tls=server_context(pair)) as waiting:
        yield waiting


@pytest.fixture
def connected(waiting: Waiting, authority: Authority) -> Iterator[tuple[Connection, TlsClient]]:
    future = waiting.accept()
    client = TlsClient(waiting.url, authority.client_context())
    yield future.result(10), client
    client.socket.close()


def lets_in(waiting: Waiting, authority: Authority, future: Future[Connection]) -> bool:
    with TlsClient(waiting.url, authority.client_context()).socket:
        return isinstance(future.result(10), Connection)


# -- Python's side -----------------------------------------------------------------------------------------------------


def test_the_url_says_that_it_is_encrypted(waiting: Waiting) -> None:
    assert waiting.url == f"wss://127.0.0.1:{waiting.listener.port}"


def test_messages_of_all_sizes_cross_an_encrypted_connection(connected: tuple[Connection, TlsClient]) -> None:
    link, client = connected
    with ThreadPoolExecutor(1) as pool:
        for size in (0, 1, 125, 16_384, 65_536, 70_000, 5_000_000):
            message = os.urandom(size)
            received = pool.submit(client.receive)
            link.send(message, soon())
            assert received.result(10) == (Opcode.BINARY, message)
            sent = pool.submit(client.send, message)
            assert bytes(link.receive(soon())) == message
            sent.result(10)


def test_receive_returns_at_once_what_tls_has_already_decrypted(connected: tuple[Connection, TlsClient]) -> None:
    link, client = connected
    link.spin_seconds = 0.0
    # A record holds the end of the large message, which is read to its end, and the small one.
    client.send(os.urandom(70_000), b"small")
    assert len(link.receive(soon())) == 70_000
    begin = time.monotonic()
    assert link.receive(begin + 5.0) == b"small"
    assert time.monotonic() - begin < 1.0


def test_deadlines_hold_with_tls_in_both_directions(waiting: Waiting, authority: Authority) -> None:
    future = waiting.accept()
    with authority.client_context().wrap_socket(waiting.raw(), server_hostname="127.0.0.1") as silent:
        silent.sendall(UPGRADE.encode())
        link = future.result(10)
        begin = time.monotonic()
        with pytest.raises(TimeoutError):
            link.receive(begin + 0.2)
        with pytest.raises(TimeoutError):
            link.send(bytes(50_000_000), time.monotonic() + 0.3)
        assert time.monotonic() - begin < 5.0


@pytest.mark.parametrize("politely", [True, False])
def test_a_tls_client_that_is_gone_is_a_connection_error(
    connected: tuple[Connection, TlsClient], politely: bool
) -> None:
    link, client = connected
    if politely:
        client.close()
    else:
        client.socket.shutdown(socket.SHUT_RDWR)
    for _ in range(2):
        with pytest.raises(ConnectionError):
            link.receive(soon())


def test_close_sends_a_close_frame_through_tls(connected: tuple[Connection, TlsClient]) -> None:
    link, client = connected
    link.close(1000, "done")
    assert client.receive() == (Opcode.CLOSE, b"\x03\xe8done")


def test_a_client_without_tls_gets_the_reason_and_the_wait_goes_on(waiting: Waiting, authority: Authority) -> None:
    future = waiting.accept()
    plain = waiting.raw()
    plain.sendall(UPGRADE.encode())
    answer = b""
    with contextlib.suppress(ConnectionResetError):
        while data := plain.recv(4096):
            answer += data
    assert answer.startswith(f"HTTP/1.1 400 {TLS_NEEDED}\r\n".encode())
    assert becomes_true(lambda: "does not speak TLS" in waiting.listener.reason)
    assert lets_in(waiting, authority, future)


@pytest.mark.parametrize(
    "noise",
    [
        b"",
        b"\x16",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32),
        b"\x16" * 20_000,
        b"GET / HTTP/1.1\r\n",
    ],
    ids=["silent", "one byte", "half a hello", "garbage", "plain"],
)
def test_an_unfinished_tls_handshake_does_not_delay_the_game(
    waiting: Waiting, authority: Authority, noise: bytes
) -> None:
    future = waiting.accept()
    for _ in range(5):
        with contextlib.suppress(OSError):
            waiting.raw().sendall(noise)
    begin = time.monotonic()
    assert lets_in(waiting, authority, future)
    assert time.monotonic() - begin < 2.0


def test_a_tls_client_at_a_plain_port_is_rejected_and_the_wait_goes_on(authority: Authority) -> None:
    with listening() as waiting:
        future = waiting.accept()
        with pytest.raises((ssl.SSLError, ConnectionError)):
            TlsClient(waiting.url, authority.client_context())
        assert becomes_true(lambda: "it speaks TLS, and ssl= is not given" in waiting.listener.reason)
        waiting.client()
        assert isinstance(future.result(10), Connection)


def test_a_client_that_does_not_trust_the_certificate_sends_the_reason(waiting: Waiting) -> None:
    future = waiting.accept(seconds=1)
    with pytest.raises(ssl.SSLCertVerificationError):
        TlsClient(waiting.url, ssl.create_default_context())
    with pytest.raises(TimeoutError):
        future.result(10)
    assert "unknown ca" in waiting.listener.reason.replace("_", " ")


# -- The option --------------------------------------------------------------------------------------------------------


def test_a_certificate_that_cannot_be_used_is_an_invalid_option(
    authority: Authority, pair: tuple[str, str], tmp_path: Path
) -> None:
    other = authority.pair("other.invalid")
    locked = str(tmp_path / "locked.pem")
    # OpenSSL would ask for the password at the terminal.
    lock(pair[1], locked)
    for wrong in ((pair[0], other[1]), (pair[0], "nowhere.pem"), (pair[1], pair[0]), (pair[0], locked)):
        with pytest.raises(errors.InvalidOptionError) as error:
            server_context(wrong)
        assert error.value.where == "ssl"
        assert str(wrong[1]) in (error.value.got or "")


def test_a_pair_can_be_pickled_with_the_other_options(pair: tuple[str, str]) -> None:
    options = Options.from_kwargs({"ssl": pair})
    assert pickle.loads(pickle.dumps(options)) == options  # noqa: S301 - our own

"""The encrypted connection: Python's side with clients of its own, and both sides with the real engine."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from by_hand import ByHand, free_port
from certificates import Authority, lock
from processes import MARK, becomes_true, leaves_nothing, marked, new_mark, signal_all
from tls_client import TlsClient
from waiting import UPGRADE, Waiting, listening, soon
from websockets.frames import Opcode

import godot_marl
from godot_marl import errors
from godot_marl.link import Link
from godot_marl.options import Options
from godot_marl.parallel import GodotParallelEnv
from godot_marl.tls import server_context

MakeEnv = Callable[..., GodotParallelEnv]
VARIABLE = "GODOT_MARL_CERTIFICATE"
TLS_NEEDED = "This port speaks TLS: use wss:// instead of ws://"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def pair(authority: Authority) -> tuple[str, str]:
    return authority.pair("127.0.0.1", "localhost")


@pytest.fixture
def waiting(pair: tuple[str, str]) -> Iterator[Waiting]:
    with listening(tls=server_context(pair)) as waiting:
        yield waiting


@pytest.fixture
def connected(waiting: Waiting, authority: Authority) -> Iterator[tuple[Link, TlsClient]]:
    future = waiting.accept()
    client = TlsClient(waiting.url, authority.client_context())
    yield future.result(10), client
    client.socket.close()


def lets_in(waiting: Waiting, authority: Authority, future: Future[Link]) -> bool:
    with TlsClient(waiting.url, authority.client_context()).socket:
        return isinstance(future.result(10), Link)


# -- Python's side -----------------------------------------------------------------------------------------------------


def test_the_url_says_that_it_is_encrypted(waiting: Waiting) -> None:
    assert waiting.url == f"wss://127.0.0.1:{waiting.listener.port}"


def test_messages_of_all_sizes_cross_an_encrypted_connection(connected: tuple[Link, TlsClient]) -> None:
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


def test_what_tls_has_already_decrypted_is_not_slept_on(connected: tuple[Link, TlsClient]) -> None:
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
def test_a_client_of_tls_that_is_gone_is_a_connection_error(connected: tuple[Link, TlsClient], politely: bool) -> None:
    link, client = connected
    if politely:
        client.close()
    else:
        client.socket.shutdown(socket.SHUT_RDWR)
    for _ in range(2):
        with pytest.raises(ConnectionError):
            link.receive(soon())


def test_closing_tells_the_client_through_tls(connected: tuple[Link, TlsClient]) -> None:
    link, client = connected
    link.close(1000, "done")
    assert client.receive() == (Opcode.CLOSE, b"\x03\xe8done")


def test_a_plain_client_is_told_to_use_tls_and_the_wait_goes_on(waiting: Waiting, authority: Authority) -> None:
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
def test_a_handshake_that_does_not_end_holds_up_nobody(waiting: Waiting, authority: Authority, noise: bytes) -> None:
    future = waiting.accept()
    for _ in range(5):
        with contextlib.suppress(OSError):
            waiting.raw().sendall(noise)
    begin = time.monotonic()
    assert lets_in(waiting, authority, future)
    assert time.monotonic() - begin < 2.0


def test_a_client_of_tls_at_a_plain_port_is_turned_away_and_the_wait_goes_on(authority: Authority) -> None:
    with listening() as waiting:
        future = waiting.accept()
        with pytest.raises((ssl.SSLError, ConnectionError)):
            TlsClient(waiting.url, authority.client_context())
        assert becomes_true(lambda: "it speaks TLS, and ssl= is not given" in waiting.listener.reason)
        waiting.client()
        assert isinstance(future.result(10), Link)


def test_who_does_not_trust_the_certificate_says_why(waiting: Waiting) -> None:
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
    # It would be asked for at the terminal.
    lock(pair[1], locked)
    for wrong in ((pair[0], other[1]), (pair[0], "nowhere.pem"), (pair[1], pair[0]), (pair[0], locked)):
        with pytest.raises(errors.InvalidOptionError) as error:
            server_context(wrong)
        assert error.value.where == "ssl"
        assert str(wrong[1]) in (error.value.got or "")


def test_a_pair_can_be_pickled_with_the_other_options(pair: tuple[str, str]) -> None:
    options = Options.of({"ssl": pair})
    assert pickle.loads(pickle.dumps(options)) == options  # noqa: S301 - our own


# -- With the engine ---------------------------------------------------------------------------------------------------


@pytest.fixture
def trusting(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Python starts trusts the authority."""
    monkeypatch.setenv(VARIABLE, str(authority.file))


def episode(env: GodotParallelEnv) -> list[Any]:
    rng = np.random.default_rng(3)
    answers = [env.reset(seed=5)]
    for _ in range(20):
        actions = {name: env.action_space(name) for name in env.agents}
        for name in sorted(actions):
            actions[name].seed(int(rng.integers(2**31)))
        answers.append(env.step({name: space.sample() for name, space in actions.items()}))
        if not env.agents:
            break
    return answers


@pytest.mark.godot
@pytest.mark.parametrize("scene", ["echo", "panorama", "chooser"])
def test_an_episode_is_the_same_bit_for_bit_with_and_without_encryption(
    make: MakeEnv, pair: tuple[str, str], trusting: None, scene: str
) -> None:
    plain, encrypted = episode(make(scene)), episode(make(scene, ssl=pair))
    assert len(plain) > 3
    assert pickle.dumps(plain) == pickle.dumps(encrypted)


@pytest.mark.godot
def test_a_context_of_ones_own_and_a_name_instead_of_a_number(
    make: MakeEnv, authority: Authority, trusting: None
) -> None:
    context = server_context(authority.pair("localhost"))
    env = make("walker", ssl=context, host="localhost")
    env.reset(seed=1)
    assert env.step({"walker_0": 2})[0]["walker_0"].item() == 1.0


@pytest.mark.godot
@pytest.mark.parametrize("wrong", ["another authority", "expired", "another host"])
def test_a_certificate_that_the_game_does_not_trust_ends_it_with_the_reason(
    make: MakeEnv, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wrong: str
) -> None:
    monkeypatch.setenv(VARIABLE, str(authority.file))
    told = "bad_certificate"
    if wrong == "another authority":
        other, told = Authority(tmp_path).pair("127.0.0.1"), "unknown_ca"
    elif wrong == "expired":
        year = [datetime(2020 + i, 1, 1, tzinfo=UTC) for i in (0, 1)]
        told = "certificate_expired"
        other = authority.pair("127.0.0.1", not_before=year[0], not_after=year[1])
    else:
        other = authority.pair("other.invalid")
    begin = time.monotonic()
    with pytest.raises(errors.GameExitedError) as error:
        make("walker", ssl=other).reset()
    assert time.monotonic() - begin < 10.0
    got = error.value.got or ""
    assert "the certificate there is not trusted here, has expired, or is for another host than 127.0.0.1" in got
    assert "Python turned somebody away: no encrypted connection came about" in got
    assert told in got


@pytest.mark.godot
def test_a_file_that_is_no_certificate_ends_the_game_with_the_reason(
    make: MakeEnv, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, __file__)
    with pytest.raises(errors.GameExitedError, match=f"{VARIABLE} names .*, which is no certificate"):
        make("walker", ssl=pair).reset()


@pytest.mark.godot
def test_a_killed_game_is_noticed_through_tls(
    make: MakeEnv, pair: tuple[str, str], trusting: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = new_mark()
    monkeypatch.setenv(MARK, mark)
    env = make("walker", ssl=pair)
    env.reset(seed=1)
    signal_all(marked(mark)["game"], signal.SIGKILL)
    begin = time.monotonic()
    with pytest.raises(errors.GameExitedError) as error:
        env.step({"walker_0": 1})
    assert time.monotonic() - begin < 5.0
    assert error.value.exit_status == -signal.SIGKILL
    assert leaves_nothing(mark)


@pytest.mark.godot
def test_a_game_that_sleeps_on_tls_ends_with_its_python(
    by_hand: ByHand, waiting: Waiting, authority: Authority
) -> None:
    future = waiting.accept(seconds=30)
    game = by_hand("walker", GODOT_MARL_URL=waiting.url, **{VARIABLE: str(authority.file)})
    link = future.result(30)
    assert "hello" in str(link.receive(soon()))
    # Without a word.
    link._socket.close()
    output, _ = game.communicate(timeout=5)
    assert game.returncode == 0, output


@pytest.mark.godot
def test_strangers_without_tls_do_not_disturb_and_are_told_what_is_wrong(
    by_hand: ByHand, authority: Authority, pair: tuple[str, str]
) -> None:
    port = free_port()
    env = godot_marl.parallel_env(port=port, ssl=pair, start_timeout=30)
    with ThreadPoolExecutor(1) as pool:
        started = pool.submit(env.reset, seed=1)
        plain = by_hand("walker", GODOT_MARL_URL=f"ws://127.0.0.1:{port}")
        output, _ = plain.communicate(timeout=20)
        assert plain.returncode == 1
        assert output.splitlines()[-1].endswith(f"it answered HTTP/1.1 400 {TLS_NEEDED}")
        by_hand("walker", GODOT_MARL_URL=f"wss://127.0.0.1:{port}", **{VARIABLE: str(authority.file)})
        started.result(30)
    assert env.step({"walker_0": 2})[0]["walker_0"].item() == 1.0
    env.close()


@pytest.mark.godot
def test_a_game_that_wants_tls_where_there_is_none_says_so(by_hand: ByHand) -> None:
    with listening() as waiting:
        future = waiting.accept(seconds=20)
        game = by_hand("by_hand", GODOT_MARL_URL=waiting.url.replace("ws:", "wss:"))
        output, _ = game.communicate(timeout=10)
        assert game.returncode == 1
        assert "or nobody speaks TLS there" in output.splitlines()[-1]
        waiting.client()
        assert isinstance(future.result(10), Link)

"""The socket to a game, with real sockets on the loopback interface."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from waiting import TOKEN, UPGRADE, V1, Waiting, listening, no_check, soon
from websockets.exceptions import ConnectionClosed, InvalidStatus, NegotiationError

from godot_marl.errors import AddressInUseError, InvalidOptionError, ProtocolError, ProtocolVersionError
from godot_marl.transport import connection as connection_module
from godot_marl.transport import listener as listener_module
from godot_marl.transport.connection import Connection
from godot_marl.transport.listener import Listener


@pytest.fixture
def waiting() -> Iterator[Waiting]:
    with listening() as waiting:
        yield waiting


@pytest.fixture
def waiting_with_token() -> Iterator[Waiting]:
    with listening(TOKEN) as waiting:
        yield waiting


def status_of(error: pytest.ExceptionInfo[InvalidStatus]) -> int:
    return error.value.response.status_code


# -- Listening ---------------------------------------------------------------------------------------------------------


def test_the_system_chooses_a_port_and_the_url_names_it(waiting: Waiting) -> None:
    assert waiting.url == f"ws://127.0.0.1:{waiting.listener.port}"
    assert waiting.listener.port > 0


def test_a_port_in_use_is_an_error_that_names_the_address(waiting: Waiting) -> None:
    port = waiting.listener.port
    with pytest.raises(AddressInUseError) as error:
        Listener("127.0.0.1", port, None)
    assert error.value.where == f"127.0.0.1:{port}"


@pytest.mark.parametrize("host", ["203.0.113.7", "no such host.invalid"])
def test_an_address_of_another_machine_is_an_invalid_option(host: str) -> None:
    with pytest.raises(InvalidOptionError) as error:
        Listener(host, 0, None)
    assert host in str(error.value)


def test_a_url_has_an_ipv6_address_in_brackets() -> None:
    try:
        listener = Listener("::1", 0, None)
    except InvalidOptionError:
        assert not socket.has_ipv6 or "::1" not in _loopback_addresses()
        return
    assert listener.url == f"ws://[::1]:{listener.port}"
    listener.close()


def _loopback_addresses() -> str:
    with contextlib.suppress(OSError), open("/proc/net/if_inet6") as table:
        return "::1" if "00000000000000000000000000000001" in table.read() else ""
    return ""


def test_the_wait_ends_at_its_deadline(waiting: Waiting) -> None:
    begin = time.monotonic()
    with pytest.raises(TimeoutError):
        waiting.listener.accept(begin + 0.2, no_check)
    assert 0.2 <= time.monotonic() - begin < 2.0


def test_the_wait_ends_when_the_check_raises(waiting: Waiting) -> None:
    checks = iter([None, None, LookupError("the game ended")])

    def check() -> None:
        found = next(checks)
        if found:
            raise found

    with pytest.raises(LookupError, match="the game ended"):
        waiting.listener.accept(soon(), check)


# -- Which clients are accepted ----------------------------------------------------------------------------------------


def test_a_game_with_our_subprotocol_is_accepted(waiting: Waiting) -> None:
    future = waiting.accept()
    client = waiting.client(subprotocols=["other", V1])
    assert client.subprotocol == V1
    assert isinstance(future.result(10), Connection)


def test_nothing_is_compressed_even_if_the_game_offers_it(waiting: Waiting) -> None:
    future = waiting.accept()
    client = waiting.client(compression="deflate")
    assert client.protocol.extensions == []
    future.result(10)


@pytest.mark.parametrize("subprotocols", [None, ["chat"]])
def test_a_client_without_our_subprotocol_gets_400_and_the_wait_goes_on(
    waiting: Waiting, subprotocols: list[str] | None
) -> None:
    future = waiting.accept()
    with pytest.raises(InvalidStatus) as error:
        waiting.client(subprotocols=subprotocols)
    assert status_of(error) == 400
    waiting.client()
    assert isinstance(future.result(10), Connection)


def test_another_version_is_closed_with_4001_and_named_on_both_sides(waiting: Waiting) -> None:
    future = waiting.accept()
    client = waiting.client(subprotocols=["godot-marl.v2"])
    assert client.subprotocol == "godot-marl.v2"
    with pytest.raises(ConnectionClosed) as closed:
        client.recv(timeout=10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4001
    assert "pip install --upgrade godot-marl" in closed.value.rcvd.reason
    with pytest.raises(ProtocolVersionError) as error:
        future.result(10)
    assert error.value.got == "godot-marl.v2"


def test_of_two_subprotocols_ours_is_chosen(waiting: Waiting) -> None:
    future = waiting.accept()
    assert waiting.client(subprotocols=["godot-marl.v2", V1]).subprotocol == V1
    future.result(10)


def test_a_listener_without_subprotocol_accepts_only_clients_without_one() -> None:
    with listening(subprotocol=None) as waiting:
        future = waiting.accept()
        for options, status in (({"subprotocols": [V1]}, 400), ({"origin": "https://example.org"}, 403)):
            with pytest.raises(InvalidStatus) as error:
                waiting.client(**{"subprotocols": None, **options})
            assert status_of(error) == status
        client = waiting.client(subprotocols=None)
        assert client.subprotocol is None
        future.result(10).send("hello", soon())
        assert client.recv(timeout=10) == "hello"


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}])
def test_a_missing_or_wrong_token_gets_401_and_the_wait_goes_on(
    waiting_with_token: Waiting, header: dict[str, str]
) -> None:
    future = waiting_with_token.accept()
    with pytest.raises(InvalidStatus) as error:
        waiting_with_token.client(additional_headers=header)
    assert status_of(error) == 401
    waiting_with_token.client(additional_headers={"Authorization": f"Bearer {TOKEN}"})
    assert isinstance(future.result(10), Connection)


def test_two_tokens_are_a_wrong_token(waiting_with_token: Waiting) -> None:
    future = waiting_with_token.accept()
    headers = [("Authorization", "Bearer 1"), ("Authorization", f"Bearer {TOKEN}")]
    with pytest.raises(InvalidStatus) as error:
        waiting_with_token.client(additional_headers=headers)
    assert status_of(error) == 401
    waiting_with_token.client(additional_headers={"Authorization": f"Bearer {TOKEN}"})
    assert isinstance(future.result(10), Connection)


def test_a_client_without_the_token_does_not_learn_the_version(waiting_with_token: Waiting) -> None:
    future = waiting_with_token.accept(seconds=1)
    with pytest.raises(InvalidStatus) as error:
        waiting_with_token.client(subprotocols=["godot-marl.v2"])
    assert status_of(error) == 401
    with pytest.raises(TimeoutError):
        future.result(10)


def test_a_browser_gets_403_and_the_wait_goes_on(waiting: Waiting) -> None:
    future = waiting.accept()
    with pytest.raises(InvalidStatus) as error:
        waiting.client(origin="https://example.org")
    assert status_of(error) == 403
    waiting.client()
    assert isinstance(future.result(10), Connection)


@pytest.mark.parametrize(
    "noise",
    [
        b"",
        b"GET / HTT",
        b"\x16\x03\x01\x02\x00\x01\x00" * 50,
        b"GET / HTTP/1.1\r\nHost: here\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n\r\nhi",
        b"A" * 100_000,
    ],
    ids=["silent", "half", "tls", "no upgrade", "post", "long line"],
)
@pytest.mark.parametrize("leaves", [False, True], ids=["stays", "leaves"])
def test_another_client_does_not_delay_the_game(waiting: Waiting, noise: bytes, leaves: bool) -> None:
    future = waiting.accept()
    clients = [waiting.raw() for _ in range(3)]
    for client in clients:
        with contextlib.suppress(OSError):
            client.sendall(noise)
        if leaves:
            client.close()
    begin = time.monotonic()
    waiting.client()
    assert isinstance(future.result(10), Connection)
    assert time.monotonic() - begin < 2.0


def test_a_game_that_sends_slowly_is_accepted(waiting: Waiting) -> None:
    future = waiting.accept()
    request = UPGRADE.encode()
    game = waiting.raw()
    game.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for place in range(len(request)):
        game.sendall(request[place : place + 1])
    # The known answer to the key above, from RFC 6455.
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in game.recv(4096)
    assert isinstance(future.result(10), Connection)


def test_an_unfinished_handshake_is_dropped(waiting: Waiting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener_module, "_HANDSHAKE_TIMEOUT", 0.1)
    future = waiting.accept(seconds=1)
    client = waiting.raw()
    client.sendall(b"GET / HTTP/1.1\r\n")
    assert client.recv(1) == b""
    with pytest.raises(TimeoutError):
        future.result(10)


def test_a_client_that_rejects_our_answer_is_a_connection_error_later(waiting: Waiting) -> None:
    """The version is refused by the other side: the client closes, and the link says so."""
    future = waiting.accept()
    with pytest.raises((NegotiationError, InvalidStatus)):
        waiting.client(subprotocols=None, additional_headers={"Sec-WebSocket-Protocol": V1})
    link = future.result(10)
    with pytest.raises(ConnectionError):
        link.receive(soon())


# -- Messages ----------------------------------------------------------------------------------------------------------


def test_text_and_bytes_keep_their_type(waiting: Waiting) -> None:
    link, client = waiting.pair()
    link.send("größer", soon())
    link.send(b"\x00\xff", soon())
    assert [client.recv(timeout=10), client.recv(timeout=10)] == ["größer", b"\x00\xff"]
    client.send("größer")
    client.send(b"\x00\xff")
    client.send(b"")
    assert link.receive(soon()) == "größer"
    assert bytes(link.receive(soon())) == b"\x00\xff"  # type: ignore[arg-type]
    assert bytes(link.receive(soon())) == b""  # type: ignore[arg-type]


def test_a_fragmented_message_arrives_whole(waiting: Waiting) -> None:
    link, client = waiting.pair()
    client.send(["one, ", "two, ", "", "three"])
    client.send([b"\x01", b"\x02\x03"])
    client.send(b"after")
    assert link.receive(soon()) == "one, two, three"
    assert link.receive(soon()) == b"\x01\x02\x03"
    assert link.receive(soon()) == b"after"


def test_a_character_may_be_split_between_fragments(waiting: Waiting) -> None:
    link, client = waiting.pair()
    letter = "ü".encode()
    client.protocol.send_text(letter[:1], fin=False)
    client.protocol.send_continuation(letter[1:], fin=True)
    client.socket.sendall(b"".join(client.protocol.data_to_send()))
    assert link.receive(soon()) == "ü"


def test_a_large_message_arrives_whole(waiting: Waiting) -> None:
    link, client = waiting.pair()
    message = os.urandom(5_000_000)
    sender = threading.Thread(target=client.send, args=(message,))
    sender.start()
    assert link.receive(soon()) == message
    sender.join()


def test_a_ping_is_answered_while_waiting(waiting: Waiting) -> None:
    link, client = waiting.pair()
    answered = client.ping()
    client.send("after")
    assert link.receive(soon()) == "after"
    assert answered.wait(10)


def test_a_message_too_large_is_a_protocol_error(waiting: Waiting) -> None:
    link, client = waiting.pair()
    link.limit(1000)
    client.send(bytes(1000))
    assert len(link.receive(soon())) == 1000
    client.send(bytes(1001))
    with pytest.raises(ProtocolError, match="too large"):
        link.receive(soon())
    link.close()
    with pytest.raises(ConnectionClosed) as closed:
        client.recv(timeout=10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


def test_a_fragmented_message_too_large_is_a_protocol_error(waiting: Waiting) -> None:
    link, client = waiting.pair()
    link.limit(1000)
    with contextlib.suppress(ConnectionClosed):
        client.send([bytes(600), bytes(600)])
    with pytest.raises(ProtocolError, match="too large"):
        link.receive(soon())


def test_an_invalid_websocket_frame_is_a_protocol_error(waiting: Waiting) -> None:
    link, client = waiting.pair()
    client.socket.sendall(b"\xff" * 20)
    with pytest.raises(ProtocolError):
        link.receive(soon())


# -- Deadlines and ends ------------------------------------------------------------------------------------------------


def test_receiving_ends_at_its_deadline_and_can_be_tried_again(waiting: Waiting) -> None:
    link, client = waiting.pair()
    begin = time.monotonic()
    with pytest.raises(TimeoutError):
        link.receive(begin + 0.1)
    assert 0.1 <= time.monotonic() - begin < 2.0
    with pytest.raises(TimeoutError):
        link.receive(begin)
    client.send("late")
    assert link.receive(soon()) == "late"


def test_pings_alone_do_not_move_the_deadline(waiting: Waiting) -> None:
    link, client = waiting.pair()
    over = threading.Event()

    def keep_pinging() -> None:
        with contextlib.suppress(ConnectionClosed, OSError):
            while not over.wait(0.02):
                client.ping()

    pinging = threading.Thread(target=keep_pinging)
    pinging.start()
    begin = time.monotonic()
    with pytest.raises(TimeoutError):
        link.receive(begin + 0.3)
    over.set()
    pinging.join()
    assert time.monotonic() - begin < 2.0


def test_a_message_is_received_while_spinning_or_blocked(waiting: Waiting) -> None:
    link, client = waiting.pair()
    for spin_seconds in (0.0, 0.2, 10.0):
        link.spin_seconds = spin_seconds
        for delay in (0.0, 0.05):
            sender = threading.Timer(delay, client.send, ["news"])
            sender.start()
            assert link.receive(soon()) == "news"
            sender.join()


def test_spinning_ends_after_its_time_and_at_the_deadline(waiting: Waiting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "_LONG_YIELD", 10.0)
    link, _ = waiting.pair()
    link.spin_seconds = 0.1
    begin = time.process_time()
    with pytest.raises(TimeoutError):
        link.receive(time.monotonic() + 0.6)
    assert time.process_time() - begin < 0.3
    link.spin_seconds = 10.0
    end = time.monotonic() + 0.2
    with pytest.raises(TimeoutError):
        link.receive(end)
    assert 0.0 <= time.monotonic() - end < 1.0


def test_spinning_stops_where_yielding_takes_long(waiting: Waiting, monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[None] = []

    def yield_core() -> None:
        turns.append(None)
        time.sleep(0.001)

    monkeypatch.setattr(connection_module, "_yield_core", yield_core)
    link, client = waiting.pair()
    link.spin_seconds = 10.0
    tried = []
    for _ in range(12):
        before = len(turns)
        sender = threading.Timer(0.1, client.send, ["news"])
        sender.start()
        assert link.receive(soon()) == "news"
        sender.join()
        tried.append(len(turns) - before)
    # Unsuccessful each time, so tried less and less.
    assert tried == [1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0]


def test_a_large_message_is_sent_whole_to_a_game_that_reads_slowly(waiting: Waiting) -> None:
    future = waiting.accept()
    client = waiting.client(max_size=None)
    message = os.urandom(20_000_000)
    with ThreadPoolExecutor(1) as reader:
        received = reader.submit(client.recv, 10)
        future.result(10).send(message, soon())
        assert received.result(10) == message


def test_sending_to_a_game_that_does_not_read_ends_at_its_deadline(waiting: Waiting) -> None:
    future = waiting.accept()
    waiting.raw().sendall(UPGRADE.encode())
    link = future.result(10)
    begin = time.monotonic()
    with pytest.raises(TimeoutError):
        link.send(bytes(50_000_000), begin + 0.3)
    assert time.monotonic() - begin < 5.0


def test_a_close_by_the_game_is_a_connection_error_with_its_reason(waiting: Waiting) -> None:
    link, client = waiting.pair()
    client.close(4000, "the level ended")
    with pytest.raises(ConnectionError, match="the level ended"):
        link.receive(soon())


def test_a_game_that_is_gone_is_a_connection_error_every_time(waiting: Waiting) -> None:
    link, client = waiting.pair()
    client.socket.shutdown(socket.SHUT_RDWR)
    for _ in range(3):
        with pytest.raises(ConnectionError):
            link.receive(soon())


def test_a_game_that_is_gone_in_mid_message_is_a_connection_error(waiting: Waiting) -> None:
    link, client = waiting.pair()
    client.protocol.send_text(b"the first half", fin=False)
    client.socket.sendall(b"".join(client.protocol.data_to_send()))
    client.socket.shutdown(socket.SHUT_RDWR)
    with pytest.raises(ConnectionError):
        link.receive(soon())


def test_messages_before_the_end_are_still_received(waiting: Waiting) -> None:
    link, client = waiting.pair()
    client.send("last words")
    client.close()
    assert link.receive(soon()) == "last words"
    with pytest.raises(ConnectionError):
        link.receive(soon())


def test_sending_to_a_game_that_closed_is_a_connection_error(waiting: Waiting) -> None:
    link, client = waiting.pair()
    client.close()
    with pytest.raises(ConnectionError):
        link.receive(soon())
    with pytest.raises(ConnectionError):
        link.send("hello?", soon())


def test_close_sends_a_close_frame_and_may_be_called_twice(waiting: Waiting) -> None:
    link, client = waiting.pair()
    link.close(1000, "done")
    link.close()
    with pytest.raises(ConnectionClosed) as closed:
        client.recv(timeout=10)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1000, "done")


def test_refusing_closes_with_4002_and_as_much_of_the_reason_as_fits(waiting: Waiting) -> None:
    link, client = waiting.pair()
    link.reject("ü" * 100)
    with pytest.raises(ConnectionClosed) as closed:
        client.recv(timeout=10)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4002, "ü" * 61)

"""The addon's side of the connection, against a server that is written here byte by byte and does as it likes."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from peer import BINARY, CLOSE, CONFIGURE, PATIENCE, PING, PONG, RESET, TEXT, Peer, closing, frame, text
from processes import becomes_true

from godot_marl.engine import Engine

pytestmark = pytest.mark.godot


@pytest.fixture
def peer(engine: Engine, scenes: Path) -> Iterator[Peer]:
    made = Peer([str(engine.path), "--headless", "--fixed-fps", "60", "--path", str(scenes), "by_hand.tscn"])
    yield made
    made.close()


def test_the_request_is_an_upgrade_as_rfc_6455_wants_it(peer: Peer) -> None:
    first, *lines = peer.request.decode().splitlines()
    assert first == "GET / HTTP/1.1"
    headers = dict(line.split(": ", 1) for line in lines if line)
    assert len(base64.b64decode(headers.pop("Sec-WebSocket-Key"))) == 16
    assert headers == {
        "Host": f"127.0.0.1:{peer.listener.getsockname()[1]}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": "godot-marl.v1",
    }


def test_fragmented_messages_arrive_whole(peer: Peer) -> None:
    peer.upgrade()
    assert peer.receive_control()["type"] == "hello"
    # In three fragments, the first of them empty, with pings between them.
    configure = json.dumps(CONFIGURE | {"ignored": "ü" * 200}, ensure_ascii=False).encode()
    peer.dribble(frame(0, first=TEXT) + frame(PING, b"one") + frame(0, configure[:70], first=0))
    assert peer.receive() == (PONG, b"one")
    peer.dribble(frame(PING, b"") + frame(0, configure[70:], first=0x80))
    assert peer.receive() == (PONG, b"")
    assert peer.receive_control()["type"] == "scene"
    # Several frames at once, and a message that is longer than a header of two bytes can say.
    peer.send(frame(PONG, b"unasked") + frame(PING, b"x" * 125) + text(RESET | {"ignored": "." * 70_000}))
    assert peer.receive() == (PONG, b"x" * 125)
    opcode, reply = peer.receive()
    assert (opcode, reply[0], struct.unpack_from("<I", reply, 4)) == (BINARY, 2, (1,))
    step = struct.pack("<BBHIqB", 1, 0, 0, 2, 2, 1)
    peer.send(frame(0, step[:5], first=BINARY) + frame(0, step[5:], first=0x80))
    opcode, reply = peer.receive()
    assert (opcode, struct.unpack_from("<IIId", reply, 4)) == (BINARY, (2, 0, 1, 1.0))
    peer.send(text({"type": "close"}))
    assert peer.ending()[0] == 0


def test_the_answer_to_the_upgrade_may_come_in_pieces(peer: Peer) -> None:
    header = f"HTTP/1.1 101 Fine\r\nsec-websocket-accept:{peer.accept_line()}\r\nX: \r\n\r\n".encode()
    peer.dribble(header)
    assert peer.receive_control()["type"] == "hello"


@pytest.mark.parametrize("together", [False, True], ids=["later", "with the upgrade"])
@pytest.mark.parametrize(
    ("code", "reason", "status"), [(4001, "Update the addon, ü.", 1), (1000, "", 0)], ids=["with reason", "without"]
)
def test_a_close_ends_the_game_with_its_reason(peer: Peer, code: int, reason: str, status: int, together: bool) -> None:
    if together:
        peer.upgrade(closing(code, reason))
    else:
        peer.shake_hands()
        peer.send(closing(code, reason))
    while (answer := peer.receive())[0] != CLOSE:
        pass
    assert answer == (CLOSE, struct.pack(">H", code))
    found, last = peer.ending()
    assert found == status
    assert not reason or last == f"godot-marl: Python closed the connection: {reason}"


@pytest.mark.parametrize("status", ["401 Unauthorized", "400 Bad Request", "403 Forbidden", "200 OK"])
def test_another_answer_than_an_upgrade_is_reported(peer: Peer, status: str) -> None:
    peer.send(f"HTTP/1.1 {status}\r\nContent-Length: 3\r\n\r\nno\n".encode())
    assert peer.ending() == (1, f"godot-marl: Python closed the connection: it answered HTTP/1.1 {status}")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"x" * 20_000,
    ],
    ids=["wrong accept", "no accept", "endless"],
)
def test_an_answer_of_another_kind_of_server_is_reported(peer: Peer, answer: bytes) -> None:
    peer.send(answer)
    assert peer.ending() == (1, "godot-marl: Python closed the connection: this is not a WebSocket server")


def test_a_silent_server_is_given_up(peer: Peer) -> None:
    status, last = peer.ending()
    assert status == 1
    assert last.startswith("godot-marl: no Python server answered at ws://127.0.0.1:")


BAD_FRAMES = {
    "masked": frame(TEXT, b"{}", mask=True),
    "with an extension": frame(TEXT, b"{}", first=0xC1),
    "too large": b"\x82\x7f" + struct.pack(">Q", (1 << 26) + 1),
    "of a negative size": b"\x82\x7f" + b"\xff" * 8,
    "a continuation of nothing": frame(0, b"{}"),
    "a message in a message": frame(TEXT, b"{", first=TEXT) + frame(TEXT, b"{}"),
    "of an unknown kind": frame(3, b"{}"),
    "too large in fragments": frame(0, b" " * 10, first=TEXT) + b"\x80\x7f" + struct.pack(">Q", 1 << 26),
}


@pytest.mark.parametrize("bad", BAD_FRAMES)
def test_a_frame_that_is_not_allowed_ends_the_game(peer: Peer, bad: str) -> None:
    peer.shake_hands()
    peer.send(BAD_FRAMES[bad])
    opcode, payload = peer.receive()
    assert (opcode, payload[:2]) == (CLOSE, struct.pack(">H", 1002))
    status, last = peer.ending()
    assert status == 1
    assert last.endswith(": " + payload[2:].decode())


def test_a_message_that_the_protocol_does_not_allow_ends_the_game(peer: Peer) -> None:
    peer.shake_hands()
    peer.send(frame(BINARY, b"\x09"))
    opcode, payload = peer.receive()
    assert (opcode, payload[:2]) == (CLOSE, struct.pack(">H", 4002))
    assert peer.ending()[0] == 1


def vanish(peer: Peer, *, abruptly: bool) -> None:
    if abruptly:
        # A reset instead of an orderly end.
        peer.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.client.close()


def is_asleep(pid: int) -> bool:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).status() == psutil.STATUS_SLEEPING
    return False


@pytest.mark.parametrize("abruptly", [False, True], ids=["orderly", "abruptly"])
@pytest.mark.parametrize("asleep", [False, True], ids=["spinning", "asleep"])
def test_the_game_ends_when_the_server_vanishes(peer: Peer, asleep: bool, abruptly: bool) -> None:
    peer.shake_hands()
    peer.send(text(RESET))
    peer.receive()
    if asleep:
        assert becomes_true(lambda: is_asleep(peer.game.pid))
    vanish(peer, abruptly=abruptly)
    assert peer.game.wait(PATIENCE) == 0


def say_nothing(peer: Peer) -> None:
    pass


def send_half_a_request(peer: Peer) -> None:
    peer.shake_hands()
    peer.send(text(RESET)[:20])


STAGES: dict[str, Callable[[Peer], None]] = {
    "before the upgrade": say_nothing,
    "in mid-upgrade": lambda peer: peer.send(b"HTTP/1.1 101 Swi"),
    "before the configuration": lambda peer: peer.upgrade(),
    "in mid-message": send_half_a_request,
}


@pytest.mark.parametrize("stage", STAGES)
def test_the_game_ends_when_the_server_vanishes_half_way(peer: Peer, stage: str) -> None:
    STAGES[stage](peer)
    # The port is closed, too.
    peer.listener.close()
    vanish(peer, abruptly=False)
    peer.game.wait(PATIENCE)

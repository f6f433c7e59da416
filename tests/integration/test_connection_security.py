"""Clients that are no game, and messages that the protocol does not know, change nothing in an environment."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from by_hand import ByHand, free_port
from certificates import Authority
from peer import BINARY, CLOSE, CONFIGURE, RESET, Peer, text
from storm import NOISES, Storm
from waiting import TOKEN, soon

import godot_marl
from godot_marl.errors import ProtocolError
from godot_marl.parallel import GodotParallelEnv

MakeEnv = Callable[..., GodotParallelEnv]


# -- Addresses ---------------------------------------------------------------------------------------------------------


@pytest.mark.godot
def test_a_game_that_python_starts_reaches_a_listener_on_all_addresses(
    make: MakeEnv, caplog: pytest.LogCaptureFixture
) -> None:
    env = make("walker", host="0.0.0.0")  # noqa: S104 - that is the question
    assert env.reset(seed=1)[0]["walker_0"].item() == 0.0
    assert "Python listens on 0.0.0.0:" in caplog.text


# -- Many foreign connections ------------------------------------------------------------------------------------------


def walk(env: GodotParallelEnv, steps: int = 300) -> list[float]:
    """Back and forth, for some time."""
    found = [env.reset(seed=1)[0]["walker_0"].item()]
    found += [env.step({"walker_0": 2 if i % 4 < 2 else 0})[0]["walker_0"].item() for i in range(steps)]
    return found


EXPECTED_WALK = [0.0, *([1.0, 2.0, 1.0, 0.0] * 75)]


@pytest.mark.godot
@pytest.mark.parametrize("form", ["started by Python", "started by hand"])
def test_foreign_connections_during_start_and_run_change_nothing(
    make: MakeEnv, by_hand: ByHand, form: str, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    is_by_hand = form == "started by hand"
    env = godot_marl.parallel_env(port=port, token=TOKEN) if is_by_hand else make("walker", port=port, token=TOKEN)
    with Storm(port) as storm, ThreadPoolExecutor(1) as pool:
        started = pool.submit(lambda: env.possible_agents)
        if is_by_hand:
            deadline = soon(20)
            while sum(storm.came.values()) < 200 and time.monotonic() < deadline:
                storm.wait_for_one()
            by_hand("walker", GODOT_MARL_URL=f"ws://127.0.0.1:{port}", GODOT_MARL_TOKEN=TOKEN)
        begin = time.monotonic()
        assert started.result(30) == ["walker_0"]
        assert time.monotonic() - begin < 15.0
        came, refused = storm.came.copy(), storm.refused
        found = walk(env)
        deadline = soon(20)
        while storm.refused < refused + 50 and time.monotonic() < deadline:
            found[1:] = walk(env)[1:]
        assert storm.refused >= refused + 50
        # One may have come in between.
        assert sum((storm.came - came).values()) <= 1
    assert found == EXPECTED_WALK
    assert sum(came.values()) >= 10
    if is_by_hand:
        assert set(came) == set(NOISES)
        assert came["half open"] >= 100
    # Each reason is logged once, however many clients are rejected for it.
    rejected = [record.getMessage() for record in caplog.records if "rejected a connection" in record.getMessage()]
    assert len(rejected) == len(set(rejected)) <= 6
    env.close()


# -- The sizes of messages ---------------------------------------------------------------------------------------------


@pytest.mark.godot
def test_the_game_refuses_an_announced_size_beyond_the_bound(by_hand_peer: Peer) -> None:
    by_hand_peer.shake_hands()
    # The bound of a scene with one agent: far below that of the handshake.
    by_hand_peer.send(b"\x82\x7f" + struct.pack(">Q", 2**24 + 100))
    assert by_hand_peer.receive() == (CLOSE, struct.pack(">H", 1002) + b"a message that is too large")
    assert by_hand_peer.ending()[0] == 1


@pytest.mark.godot
@pytest.mark.parametrize("encrypted", [False, True])
def test_an_environment_keeps_to_the_bound(
    make: MakeEnv, monkeypatch: pytest.MonkeyPatch, encrypted: bool, tmp_path: Path
) -> None:
    options = {"ssl": Authority(tmp_path).pair_for_children(monkeypatch)} if encrypted else {}
    monkeypatch.setenv("MEBIBYTES", "15")
    env = make("chatty", **options)
    assert len(env.reset(seed=1)[1]["chatty_0"]["text"]) == 15 * 2**20
    monkeypatch.setenv("MEBIBYTES", "17")
    with pytest.raises(ProtocolError, match="too large") as error:
        make("chatty", **options).reset(seed=1)
    assert "get_info()" in str(error.value)


# -- What the wire may bring about in the game -------------------------------------------------------------------------


@pytest.fixture
def by_hand_peer(engine: Any, scenes: Path) -> Iterator[Peer]:
    made = Peer([str(engine.path), "--headless", "--fixed-fps", "60", "--path", str(scenes), "by_hand.tscn"])
    yield made
    made.close()


METHODS = {"method": "queue_free", "call": "queue_free", "script": "res://by_hand.gd", "queue_free": True, "name": "x"}


@pytest.mark.godot
def test_members_that_the_protocol_does_not_know_do_nothing(by_hand_peer: Peer) -> None:
    peer = by_hand_peer
    peer.upgrade()
    assert peer.receive_control()["type"] == "hello"
    peer.send(text({**METHODS, **CONFIGURE}))
    assert peer.receive_control()["agents"][0]["name"] == "walker_0"
    reset = {**METHODS, **RESET}
    reset["arenas"] = [{**METHODS, "arena": 0, "seed": "1", "options": {}}]
    peer.send(text(reset))
    assert peer.receive()[0] == BINARY
    peer.send(text(reset | {"request": 2, "arenas": [{"arena": 0, "seed": "1", "options": METHODS}]}))
    opcode, answer = peer.receive()
    assert (opcode, answer[:1]) == (BINARY, b"\2")


@pytest.mark.godot
@pytest.mark.parametrize("kind", ["call", "set", "queue_free", "eval", "configure"])
def test_a_request_that_the_protocol_does_not_know_ends_the_game(by_hand_peer: Peer, kind: str) -> None:
    by_hand_peer.shake_hands()
    by_hand_peer.send(text({**METHODS, **CONFIGURE, "type": kind}))
    assert by_hand_peer.receive() == (CLOSE, struct.pack(">H", 4002) + f"{kind} is not allowed here".encode())
    assert by_hand_peer.ending()[0] == 1

"""Whole games against a hostile server: each ends by itself, without a script error, for any messages.

30 games, and 150 with `--nightly`.
"""

from __future__ import annotations

import json
import struct
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import wire_reader as reader
from fuzzing import DEADLINE, MOST_MEMORY, sum_of
from mutations import Tape, mutate_bytes, mutated_bytes, mutated_text
from peer import BINARY, CLOSE, CONFIGURE, PATIENCE, PING, RESET, TEXT, Peer, frame
from processes import end_of

from godot_marl.engine import Engine

RENDER = {"type": "render", "request": 1, "arena": 0, "size": [8, 8]}
SCENE = reader.Scene(1, [{"type": "box", "shape": [1], "dtype": "float32"}], [0], ["walker_0"])


def step(request: int) -> bytes:
    return struct.pack("<BBHIqB", 1, 0, 0, request, 2, 1)


def frames_of(tape: Tape) -> bytes:
    """Some messages as a server sends them, the last of which may be wrong in itself or in its frame."""
    messages: list[tuple[int, bytes]] = []
    for _ in range(1 + tape.below(3)):
        wanted = tape.one_of(["configure", "reset", "step", "render", "close"])
        if wanted == "step":
            messages.append((BINARY, mutated_bytes(tape, step(1 + tape.below(3)), [step(1)])))
        else:
            message = {"configure": CONFIGURE, "reset": RESET, "render": RENDER, "close": {"type": "close"}}[wanted]
            text = mutated_text(tape, message, [RESET, CONFIGURE])
            messages.append((TEXT, text.encode("utf-8", "replace")))
    match tape.below(8):
        case 0:
            opcode, payload = messages[-1]
            sent = b"".join(frame(*message) for message in messages[:-1])
            return sent + frame(opcode, payload, mask=True)
        case 1:
            opcode, payload = messages[0]
            middle = len(payload) // 2
            return frame(0, payload[:middle], first=opcode) + frame(PING, b"x") + frame(0, payload[middle:], first=0x80)
        case 2:
            header = bytes([0x80 | messages[-1][0], 127]) + struct.pack(">Q", tape.one_of([1 << 26, 1 << 31, 1 << 63]))
            return header + messages[-1][1]
        case 3:
            return mutate_bytes(tape, b"".join(frame(*message) for message in messages), [b""])
        case 4:
            return frame(tape.below(16), messages[0][1][:125], first=tape.below(256))
        case 5:
            return frame(CLOSE, messages[0][1][:125])
    return b"".join(frame(*message) for message in messages)


def answers_until_the_end(peer: Peer) -> list[tuple[int, bytes]]:
    answers = []
    try:
        while True:
            answers.append(peer.receive())
    except (EOFError, ConnectionError):
        return answers


def is_allowed(opcode: int, payload: bytes) -> bool:
    """Whether an answer is one that the protocol knows: to a reset or a step of any of our requests."""
    if opcode == TEXT:
        return json.loads(payload)["type"] in ("scene", "error")
    if opcode != BINARY:
        return opcode in (CLOSE, PING + 1)
    (request,) = struct.unpack_from("<I", payload, 4)
    return bool(reader.read_reply(payload, SCENE, request, "rows"))


def play(command: list[str], tape: Tape) -> Counter[str]:
    counts: Counter[str] = Counter()
    peer = Peer(command)
    try:
        stage = tape.one_of(["steps", "steps", "handshake", "upgrade"])
        sent = frames_of(tape)
        if stage == "upgrade":
            peer.send(mutated_bytes(tape, b"HTTP/1.1 101 Fine\r\nSec-WebSocket-Accept: x\r\n\r\n", [sent]))
        elif stage == "handshake":
            peer.upgrade()
            peer.receive_control()
        else:
            peer.shake_hands()
        try:
            peer.send(sent)
            # Nothing more comes, so a game that waits for the rest of something ends too.
            peer.client.shutdown(1)
        except OSError:
            counts["gone before all was sent"] += 1
        answers = answers_until_the_end(peer)
        status, output, memory = end_of(peer.game, DEADLINE)
        where = (stage, sent[:1000], answers, output[-2000:])
        assert status in (0, 1), where
        assert "SCRIPT ERROR" not in output, where
        assert memory < MOST_MEMORY, where
        assert all(is_allowed(*answer) for answer in answers), where
        counts[f"exit status {status}"] += 1
        counts["answers"] += len(answers)
        return counts
    finally:
        peer.close()


@pytest.mark.godot
@pytest.mark.timeout(900)
def test_a_game_ends_by_itself_for_any_bytes_of_its_server(
    engine: Engine, scenes: Path, nightly: bool, fuzz_seed: int
) -> None:
    assert PATIENCE < DEADLINE
    command = [str(engine.path), "--headless", "--fixed-fps", "60", "--path", str(scenes), "by_hand.tscn"]
    random = np.random.default_rng(fuzz_seed)
    games = 150 if nightly else 30
    tapes = [Tape(random.bytes(64)) for _ in range(games)]
    counts = sum_of(games, lambda number: play(command, tapes[number]))
    sys.stdout.write(f"{games} games: {dict(counts)}\n")
    assert counts["exit status 0"] + counts["exit status 1"] == games
    assert counts["exit status 1"] > games // 4

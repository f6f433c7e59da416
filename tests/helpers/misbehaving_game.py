"""A game that plays along for a while, and then does something that no game should: `python misbehaving_game.py FAULT`.

Its one agent, `walker_0`, observes the number of the step and its double.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import sys
import time
from typing import Any

from websockets.frames import Frame, Opcode
from websockets.sync.client import ClientConnection, connect

from godot_marl.version import __version__

BOX = {"type": "box", "shape": [2], "dtype": "float32", "low": "-inf", "high": "inf"}
DISCRETE = {"type": "discrete", "n": 2, "start": 0}
OBSERVED, TERMINATED = 1, 2
# The step of an episode in which it happens.
FAULTY_STEP = 3


def main(fault: str) -> None:
    """Connect, shake hands, and answer until it is time."""
    if fault == "slow start":
        time.sleep(1.5)
    token = os.environ["GODOT_MARL_TOKEN"]
    with connect(
        os.environ["GODOT_MARL_URL"],
        subprotocols=["godot-marl.v1"],
        additional_headers={"Authorization": f"Bearer {token}"},
        compression=None,
        proxy=None,
        max_size=None,
        close_timeout=0.1,
    ) as link:
        about = {"addon_version": __version__, "engine": "none", "debug": True, "scene": "res://walker.tscn"}
        say(link, type="hello", protocol=1, **about)
        arenas = json.loads(link.recv())["arenas"]
        agent = {"name": "walker_0", "path": "/root/Walker", "policy": "default", "action_mask": 0}
        agent |= {"observation_space": BOX, "action_space": DISCRETE}
        common = {"step_length": 1, "physics_fps": 60, "state_space": None, "settle_frames": 0, "warnings": []}
        say(link, type="scene", arenas=arenas, agents=[agent], **common)
        steps = 0
        for message in link:
            if isinstance(message, str):
                control = json.loads(message)
                if control["type"] == "close":
                    return
                request, steps = control["request"], 0
            else:
                (request,) = struct.unpack_from("<I", message, 4)
                steps += 1
            # The reply to a reset has no reward (clause 6.3).
            reply = reply_to(request, arenas, [float(steps), 2.0 * steps], float(steps > 0))
            if steps == FAULTY_STEP:
                misbehave(fault, link, reply, request, arenas)
            else:
                link.send(reply)


def say(link: ClientConnection, **message: Any) -> None:
    """Send a control message."""
    link.send(json.dumps(message))


def reply_to(request: int, arenas: int, observation: list[float], reward: float = 1.0) -> bytes:
    """A reply (clause 6) in which every arena says the same."""
    numbers = struct.pack(f"<{arenas}d", *[reward] * arenas)
    numbers += struct.pack(f"<{arenas * len(observation)}f", *observation * arenas)
    return struct.pack("<BBHIII", 2, 0, 0, request, 0, 1) + numbers + bytes([OBSERVED]) * arenas


def misbehave(fault: str, link: ClientConnection, reply: bytes, request: int, arenas: int) -> None:
    """Do what the test is about in place of the reply."""
    whole = bytes(Frame(Opcode.BINARY, reply).serialize(mask=True))
    nan = float("nan")
    answers = {
        "another request": reply_to(request + 1, arenas, [3.0, 6.0]),
        "an old answer": reply_to(request - 1, arenas, [2.0, 4.0]),
        "garbage": b"\xa5" * len(reply),
        "text": '{"type": "nonsense"}',
        "no JSON": "{{{",
        "nothing in it": b"",
        "a value too few": reply_to(request, arenas, [3.0]),
        "a value too many": reply_to(request, arenas, [3.0, 6.0, 9.0]),
        "a byte too many": reply + b"\0",
        "NaN": reply_to(request, arenas, [nan, 6.0]),
        "NaN reward": reply_to(request, arenas, [3.0, 6.0], nan),
    }
    if fault in answers:
        link.send(answers[fault])
    elif fault == "twice":
        link.send(reply)
        link.send(reply)
    elif fault == "half a message":
        link.socket.sendall(whole[: len(whole) // 2])
    elif fault == "half a message, and ends":
        link.socket.sendall(whole[: len(whole) // 2])
        link.socket.close()
        os._exit(7)
    elif fault == "no WebSocket":
        link.socket.sendall(b"HTTP/1.1 200 OK\r\n\r\n" * 3)
    elif fault == "too large":
        link.socket.sendall(b"\x82\xff" + struct.pack(">Q", 1 << 40) + b"\0\0\0\0" + b"x" * 4096)
    elif fault == "closes":
        link.close(1001, "the window was closed")
    elif fault == "stops":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif fault == "late":
        time.sleep(2.0)
        link.send(reply)
    elif fault == "prints":
        # Eight megabytes, and what matters last.
        sys.stdout.write("something of no interest\n" * 335_545 + "the last line\n")
        sys.stdout.flush()
        os._exit(9)
    else:
        link.send(reply)


if __name__ == "__main__":
    main(sys.argv[1])

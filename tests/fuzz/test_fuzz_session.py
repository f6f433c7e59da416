"""What a hostile or broken game may send: the session refuses it, or reads exactly what it says.

2,000 messages, and 100,000 with `--nightly`. Each is judged by the strict reader of `wire_reader.py`.
"""

from __future__ import annotations

import copy
import json
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import wire_reader as reader
from fuzzing import BINARIES, GOLDEN, OTHER_MESSAGES, SPACES, read
from gymnasium import spaces
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from mutations import Tape, mutated_bytes, mutated_text

from godot_marl import errors
from godot_marl.protocol import session as protocol
from godot_marl.protocol.codec import MessageCodec, Reply
from godot_marl.protocol.messages import Configuration, SceneDescription
from godot_marl.protocol.session import Session

HELLO, SCENE = GOLDEN["2.1-hello"]["message"], GOLDEN["2.3-scene"]["message"]
TEXTS = [HELLO, SCENE, GOLDEN["2.7-error"]["message"], GOLDEN["2.7-script-error"]["message"]]
TEXTS += [{**SCENE, "agents": [{**SCENE["agents"][0], "observation_space": space}]} for space in SPACES]
ARENAS = SCENE["arenas"]
# Messages of one example, and the bytes of tape that decide about each.
MESSAGES, TAPE = 8, 24
# Seconds of processor time that one message may take.
LIMIT = 1.0


def scene_of(case: dict[str, Any]) -> dict[str, Any]:
    """The scene message of a golden reply."""
    agents = [
        {"name": f"agent_{i}", "path": "/root", "policy": "default", **agent}
        for i, agent in enumerate(case.get("scene", SCENE)["agents"])
    ]
    return {**SCENE, **case.get("scene", {}), "agents": agents}


class Asked:
    """A session with a request, and what the strict reader needs to decode the reply."""

    def __init__(self, case: dict[str, Any]) -> None:
        message = scene_of(case)
        self.session = Session(Configuration(arenas=message["arenas"]))
        self.session.receive(json.dumps(HELLO))
        self.session.receive(json.dumps(message))
        agents = message["agents"]
        self.scene = reader.Scene(
            message["arenas"],
            [agent["observation_space"] for agent in agents],
            [agent["action_mask"] for agent in agents],
            [agent["name"] for agent in agents],
            message.get("state_space"),
        )
        self.request = case["values"]["request"]

    def asking(self, what: str) -> Session:
        session = copy.copy(self.session)
        session._request = self.request
        session.phase = protocol.Phase.REPLY
        session._pending_kind = {member.name.lower(): member for member in protocol._RequestKind}[what]
        return session


ASKED = {name: Asked(case) for name, (case, _) in BINARIES.items()}
WAITING = {"hello": Session(Configuration(arenas=ARENAS)), "scene": Session(Configuration(arenas=ARENAS))}
WAITING["scene"].receive(json.dumps(HELLO))


def received(session: Session, message: str | bytes) -> Any:
    """What the session makes of a message; None if it refuses it."""
    begin = time.process_time()
    try:
        answer = session.receive(message)
    except errors.GodotMarlError:
        answer = None
    assert (answer is None) == (session.phase is protocol.Phase.OVER)
    assert time.process_time() - begin < LIMIT
    return answer


# -- What the product has read, in the terms of the strict reader ------------------------------------------------------


def space_facts(space: Any) -> Any:
    if isinstance(space, spaces.Discrete):
        return "discrete", int(space.n), int(space.start)
    if isinstance(space, spaces.MultiDiscrete):
        return "multi_discrete", tuple(space.nvec.tolist())
    if isinstance(space, spaces.MultiBinary):
        return "multi_binary", space.shape[0]
    if isinstance(space, spaces.Dict):
        return "dict", tuple((name, space_facts(inner)) for name, inner in space.spaces.items())
    if isinstance(space, spaces.Tuple):
        return "tuple", tuple((i, space_facts(inner)) for i, inner in enumerate(space.spaces))
    bounds = [[b.flat[0].item()] if (b == b.flat[0]).all() else b.ravel().tolist() for b in (space.low, space.high)]
    return "box", space.shape, space.dtype.name, *bounds


def scene_facts(scene: SceneDescription) -> dict[str, Any]:
    facts = {name: getattr(scene, name) for name in ("step_length", "physics_fps", "arenas", "turns", "takes_options")}
    facts |= {"settle_frames": scene.settle_frames, "warnings": list(scene.warnings)}
    facts["state_space"] = None if scene.state_space is None else space_facts(scene.state_space)
    facts["agents"] = [
        {name: space_facts(value) if name.endswith("space") else value for name, value in vars(agent).items()}
        for agent in scene.agents
    ]
    return facts


def leaf_bytes(space: Any, value: Any) -> list[bytes]:
    if isinstance(space, spaces.Dict):
        return [found for name, inner in space.spaces.items() for found in leaf_bytes(inner, value[name])]
    if isinstance(space, spaces.Tuple):
        return [found for inner, item in zip(space.spaces, value, strict=True) for found in leaf_bytes(inner, item)]
    array = np.asarray(value)
    narrow = isinstance(space, spaces.Box) and space.dtype.name in ("int8", "int16")
    return [array.astype("<i4" if narrow else array.dtype).tobytes()]


def part_facts(codec: MessageCodec, scene: SceneDescription, reply: Reply) -> dict[str, Any]:
    observed = [agent.observation_space for agent in scene.agents]
    if scene.state_space is not None:
        observed.append(scene.state_space)
    values = [
        [leaf_bytes(space, codec.observation(reply, arena, slot)) for slot, space in enumerate(observed)]
        for arena in range(len(reply.flags))
    ]
    return {"flags": reply.flags.tobytes(), "masks": reply.masks.tobytes(), "values": values, "infos": reply.infos}


def reply_facts(session: Session, reply: Reply) -> dict[str, Any]:
    assert session.scene is not None
    facts = {"frames": reply.frames, "rewards": reply.rewards.tobytes(), "reset": list(reply.reset)}
    facts |= part_facts(session.codec, session.scene, reply)
    following = reply.next and part_facts(session.codec, session.scene, reply.next)
    return {**facts, "next": following}


# -- The judgement -----------------------------------------------------------------------------------------------------


def assert_same(found: Any, expected: Any, where: str, message: str) -> None:
    # Not with the texts of pytest, which compares what may be long letter by letter.
    same = found == expected
    assert same, f"{where}: {message[:2000]}\nfound:    {found!r:.1000}\nexpected: {expected!r:.1000}"


def judge_text(phase: str, text: str, counts: Counter[str]) -> None:
    session = copy.copy(WAITING[phase])
    answer = received(session, text)
    if phase == "hello":
        expected = read(reader.read_hello, text)
        found = {name: session._hello[name] for name in ("addon_version", "engine", "debug")} if answer else None
    else:
        expected = read(reader.read_scene, text, ARENAS)
        found = None if answer is None else scene_facts(answer)
    assert_same(found, expected, phase, text)
    counts["read" if expected else "refused"] += 1


def judge_bytes(name: str, asked: str, message: bytes, counts: Counter[str]) -> None:
    case = ASKED[name]
    session = case.asking(asked)
    answer = received(session, message)
    if asked == "render":
        expected = read(reader.read_frame, message, case.request)
        found = None if answer is None else (*answer.shape[:2], answer.tobytes())
    else:
        expected = read(reader.read_reply, message, case.scene, case.request, asked)
        found = None if answer is None else reply_facts(session, answer)
    # Of infos a NaN cannot come, so all that is compared is equal to itself.
    assert_same(found, expected, f"{name}, {asked}", message.hex())
    counts["read" if expected else "refused"] += 1


def feed(tape: Tape, counts: Counter[str]) -> None:
    """Make one message, and judge its result."""
    if tape.below(2):
        message = tape.one_of(TEXTS)
        text = mutated_text(tape, message, [*SPACES, HELLO])
        phase = tape.one_of(["hello", "scene"]) if tape.below(8) == 1 else "hello" if message is HELLO else "scene"
        judge_text(phase, text, counts)
        return
    name = tape.one_of(list(BINARIES))
    case, message = BINARIES[name]
    usual = "render" if case["kind"] == "frame" else "rows" if "reset" in case["values"] else "step"
    asked = tape.one_of(["reset", "step", "rows", "render"]) if tape.below(4) == 1 else usual
    judge_bytes(name, asked, mutated_bytes(tape, message, OTHER_MESSAGES), counts)


def run(messages: int, *, random: bool, feed_one: Callable[[Tape, Counter[str]], None] = feed) -> Counter[str]:
    """Feed so many messages; the counts of what was read and refused."""
    counts: Counter[str] = Counter()

    @settings(
        max_examples=-(-messages // MESSAGES),
        deadline=None,
        database=None,
        derandomize=not random,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(st.binary(min_size=MESSAGES * TAPE, max_size=MESSAGES * TAPE))
    def examples(data: bytes) -> None:
        for i in range(MESSAGES):
            feed_one(Tape(data[i * TAPE : (i + 1) * TAPE]), counts)

    examples()
    return counts


@pytest.mark.timeout(900)
def test_python_decodes_each_message_correctly_or_rejects_it(
    nightly: bool, record_property: Callable[[str, object], None]
) -> None:
    promised = 100_000 if nightly else 2_000
    begin = time.monotonic()
    counts = run(promised, random=nightly)
    seconds = time.monotonic() - begin
    record_property("messages", dict(counts))
    sys.stdout.write(f"{counts.total():,} messages in {seconds:.1f} s: {dict(counts)}\n")
    assert counts.total() >= promised
    # Neither are all right nor all wrong, or the mutations would show nothing.
    assert min(counts["read"], counts["refused"]) > promised // 20


def test_the_memory_of_a_message_is_proportional_to_its_length() -> None:
    def feed_and_measure(tape: Tape, counts: Counter[str]) -> None:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        feed(tape, counts)
        peaks.append(tracemalloc.get_traced_memory()[1] - before)

    peaks: list[int] = []
    tracemalloc.start()
    try:
        run(400, random=False, feed_one=feed_and_measure)
    finally:
        tracemalloc.stop()
    assert len(peaks) >= 400
    # A scene may have a box that fills the largest message: two bounds, and what Gymnasium keeps of each.
    assert max(peaks) < 8 * reader.LARGEST
    assert sorted(peaks)[len(peaks) // 2] < 1 << 20


GREEDY = {
    "one box": {"type": "box", "shape": [2**13, 2**13], "dtype": "float64", "low": 0, "high": 1},
    "a box that overflows": {"type": "box", "shape": [2**40, 2**40], "dtype": "uint8", "low": 0, "high": 1},
    "many boxes": {
        "type": "tuple",
        "spaces": [{"type": "box", "shape": [2**22], "dtype": "float32", "low": 0, "high": 1}] * 20,
    },
}


@pytest.mark.parametrize("space", GREEDY)
def test_a_short_text_that_describes_gigabytes_is_rejected_at_once(space: str) -> None:
    message = {**SCENE, "agents": [{**SCENE["agents"][0], "observation_space": GREEDY[space]}]}
    tracemalloc.start()
    try:
        assert received(copy.copy(WAITING["scene"]), json.dumps(message)) is None
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()

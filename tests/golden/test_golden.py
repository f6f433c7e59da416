"""Replays the golden transcripts of `tests/golden/` with the Python code and, in the real engine, with the addon."""

from __future__ import annotations

import itertools
import json
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wire_reference as reference
from gymnasium import spaces

from godot_marl import errors
from godot_marl.assets.install import install_addon
from godot_marl.engine import Engine
from godot_marl.protocol import messages
from godot_marl.protocol.codec import MessageCodec, Reply, decode_image
from godot_marl.protocol.messages import Configuration, SceneDescription
from godot_marl.protocol.session import Session
from godot_marl.protocol.space_layout import SECTION_DTYPES
from godot_marl.protocol.spaces import from_wire, to_wire

HERE = Path(__file__).parent
GOLDEN = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(HERE.glob("*.json"))}
CLAUSES = ["2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "2.7", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6"]
CLAUSES += ["4.1", "4.2", "4.3", "5.1", "5.2", "5.4", "6.1", "6.2", "6.3", "6.4", "6.5", "7.1"]

Case = dict[str, Any]


def of_kind(*kinds: str, sender: str | None = None) -> pytest.MarkDecorator:
    names = [n for n, c in GOLDEN.items() if c["kind"] in kinds and (sender is None or c.get("from") == sender)]
    assert names
    return pytest.mark.parametrize("name", names)


def number(value: Any) -> Any:
    """What stands for a number in a golden file, as a number."""
    if isinstance(value, str):
        return float(value) if value.endswith("inf") else int(value)
    return value


def numbers(value: Any) -> Any:
    return [numbers(item) for item in value] if isinstance(value, list) else number(value)


def message_of(case: Case) -> bytes:
    return b"".join(bytes.fromhex(part) for _, part in case["message"])


def layout_of(case: Case) -> MessageCodec:
    scene = case["scene"]
    return MessageCodec(
        scene["arenas"],
        [from_wire(agent["action_space"]) for agent in scene["agents"]],
        [from_wire(agent["observation_space"]) for agent in scene["agents"]],
        [agent["action_mask"] for agent in scene["agents"]],
        None if scene["state_space"] is None else from_wire(scene["state_space"]),
    )


def to_space(space: spaces.Space[Any], value: Any) -> Any:
    """A value of a golden file as Gymnasium has it."""
    if isinstance(space, spaces.Dict):
        return {name: to_space(member, value[name]) for name, member in space.spaces.items()}
    if isinstance(space, spaces.Tuple):
        return tuple(to_space(member, item) for member, item in zip(space.spaces, value, strict=True))
    return np.array(numbers(value), dtype=space.dtype)


def assert_same(space: spaces.Space[Any], decoded: Any, value: Any) -> None:
    """The decoded value is of the space, with the type and shape that Gymnasium wants."""
    assert space.contains(decoded)
    expected = to_space(space, value)
    pairs = zip(leaves(decoded), leaves(expected), strict=True)
    assert all(np.array_equal(got, wanted) for got, wanted in pairs), f"{decoded} is not {expected}"


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for name in sorted(value):
            yield from leaves(value[name])
    elif isinstance(value, tuple):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def gym_space(description: Case) -> spaces.Space[Any]:
    """The Gymnasium space that a golden file describes, made without this package."""
    kind = description["class"]
    if kind == "Discrete":
        return spaces.Discrete(description["n"], start=description["start"])
    if kind == "MultiDiscrete":
        return spaces.MultiDiscrete(description["nvec"])
    if kind == "MultiBinary":
        return spaces.MultiBinary(description["n"])
    if kind == "Dict":
        return spaces.Dict({name: gym_space(member) for name, member in description["spaces"].items()})
    if kind == "Tuple":
        return spaces.Tuple([gym_space(member) for member in description["spaces"]])
    dtype = np.dtype(description["dtype"])
    shape = tuple(description["shape"])
    bounds = []
    for name in ("low", "high"):
        bound = numbers(description[name])
        if bound in (float("inf"), -float("inf")) and dtype.kind in "iu":
            bound = np.iinfo(dtype).max if bound > 0 else np.iinfo(dtype).min
        bounds.append(np.array(bound, dtype) if isinstance(bound, list) else bound)
    return spaces.Box(bounds[0], bounds[1], shape=shape, dtype=dtype.type)


def session_in(phase: str) -> Session:
    """A session that is waiting for `hello` or for `scene`, of a game that may have any number of arenas."""
    session = Session(Configuration(arenas=2))
    if phase == "scene":
        session.receive(json.dumps(GOLDEN["2.1-hello"]["message"]))
    return session


# -- Section 2: control messages ---------------------------------------------------------------------------------------


def test_every_clause_with_bytes_or_text_has_a_transcript() -> None:
    assert set(CLAUSES) <= {case["clause"] for case in GOLDEN.values()}
    assert all(case["says"] for case in GOLDEN.values())


def encode_control(case: Case, monkeypatch: pytest.MonkeyPatch) -> str:
    """The text that Python sends for the values of a golden file."""
    values = dict(case["values"])
    if case["message"]["type"] == "configure":
        monkeypatch.setattr(messages, "__version__", values.pop("package_version"))
        for option in ("action_space", "observation_space"):
            given = values[option]
            if given is not None:
                by_agent = "type" not in given
                values[option] = {n: from_wire(s) for n, s in given.items()} if by_agent else from_wire(given)
        return json.dumps(Configuration(**values).to_message())
    session = session_in("scene")
    session.receive(json.dumps(GOLDEN["2.3-scene"]["message"]))
    session._request = values.get("request", 0) - 1
    match case["message"]["type"]:
        case "reset":
            return session.reset({a["arena"]: (int(a["seed"]), a["options"]) for a in values["arenas"]})
        case "render":
            return session.render(values["arena"], values["size"] and tuple(values["size"]))
        case "close":
            return session.close()
    raise AssertionError(case["message"]["type"])


@of_kind("control", sender="python")
def test_python_encodes_the_control_message(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = GOLDEN[name]
    assert json.loads(encode_control(case, monkeypatch)) == case["message"]


def read_control(text: str, kind: str) -> dict[str, Any]:
    """What Python takes from a control message, in the terms of the golden files."""
    session = session_in("hello" if kind == "hello" else "scene")
    try:
        answer = session.receive(text)
        if kind == "hello":
            answer = session.receive(json.dumps(GOLDEN["2.3-scene"]["message"]))
    except errors.GodotMarlError as error:
        parts = {key: value for key, value in vars(error).items() if value is not None}
        return {"error": type(error).__name__, **parts}
    assert isinstance(answer, SceneDescription)
    if kind == "hello":
        return {"addon_version": answer.addon_version, "engine": answer.engine, "debug": answer.debug}
    scene = {name: value for name, value in vars(answer).items() if name not in ("addon_version", "engine", "debug")}
    scene["agents"] = tuple(vars(agent) for agent in answer.agents)
    return scene


def expected_control(case: Case) -> dict[str, Any]:
    values = dict(case["values"])
    if "agents" in values:
        for agent in (agents := [dict(agent) for agent in values["agents"]]):
            for space in ("observation_space", "action_space"):
                agent[space] = from_wire(agent[space])
        values |= {"agents": tuple(agents), "warnings": tuple(values["warnings"])}
        values["state_space"] = from_wire(values["state_space"])
    if "script_errors" in values:
        values["script_errors"] = tuple(values["script_errors"])
    return values


@of_kind("control", sender="game")
def test_python_decodes_the_control_message(name: str) -> None:
    case = GOLDEN[name]
    read = read_control(json.dumps(case["message"]), case["message"]["type"])
    expected = expected_control(case)
    assert {key: read[key] for key in expected} == expected


@pytest.mark.parametrize("name", ["2.1-hello", "2.3-scene", "2.7-error", "2.7-script-error"])
def test_python_detects_any_flipped_byte_of_a_control_message(name: str) -> None:
    message, unread = GOLDEN[name]["message"], GOLDEN[name].get("unread", [])
    kept = {key: value for key, value in message.items() if key not in unread}
    text = json.dumps(kept, ensure_ascii=False).encode()
    # The others come last, so that the message is whole; their bytes may change.
    rest = b", " + json.dumps({key: message[key] for key in unread}).encode()[1:] if unread else text[-1:]
    expected = read_control((text[:-1] + rest).decode(), message["type"])
    for place in range(len(text) - 1):
        mutated = text[:place] + bytes([text[place] ^ 1]) + text[place + 1 : -1] + rest
        assert read_control(mutated.decode("utf-8", "replace"), message["type"]) != expected, mutated


# -- Section 3: spaces -------------------------------------------------------------------------------------------------


@of_kind("space")
def test_python_decodes_the_space(name: str) -> None:
    case = GOLDEN[name]
    assert from_wire(case["message"]) == gym_space(case["values"]["gymnasium"])


@of_kind("space")
def test_python_encodes_the_space(name: str) -> None:
    case = GOLDEN[name]
    assert from_wire(json.loads(json.dumps(to_wire(gym_space(case["values"]["gymnasium"]))))) == from_wire(
        case["message"]
    )
    assert to_wire(gym_space(case["values"]["gymnasium"])) == case["message"]


@pytest.mark.parametrize("message", [message for _, message in GOLDEN["3-malformed"]["messages"]], ids=json.dumps)
def test_python_rejects_a_malformed_space(message: Case) -> None:
    with pytest.raises(errors.InvalidSpaceError):
        from_wire(message)


# -- Sections 4 to 7: binary messages ----------------------------------------------------------------------------------


@of_kind("step")
def test_python_encodes_the_step_request(name: str) -> None:
    case, values = GOLDEN[name], GOLDEN[name]["values"]
    codec = layout_of(case)
    if "orders" in values:
        assert encode_rows(codec, case).hex() == message_of(case).hex()
        return
    action_spaces = [from_wire(agent["action_space"]) for agent in case["scene"]["agents"]]
    actions = [
        {slot: to_space(action_spaces[slot], action) for slot, action in enumerate(arena) if action is not None}
        for arena in values["actions"]
    ]
    assert codec.encode_step(values["request"], actions).hex() == message_of(case).hex()
    assert codec.step_size == len(message_of(case))


def encode_rows(codec: MessageCodec, case: Case) -> bytes:
    """The step request for the values of a golden file that has orders."""
    values, agents = case["values"], case["scene"]["agents"]
    sections = reference.empty_sections()
    for arena in values["actions"]:
        for agent, action in zip(agents, arena, strict=True):
            value = action if action is None or isinstance(action, list) else [action]
            reference.put(agent["action_space"], value, sections)
    blocks = {name: np.array(part, SECTION_DTYPES[name]) for name, part in sections.items() if part}
    action_present = np.array([[action is not None for action in arena] for arena in values["actions"]], np.uint8)
    seeds = np.array(numbers(values["seeds"]), np.int64)
    return codec.encode_rows(values["request"], blocks, action_present, np.array(values["orders"], np.uint8), seeds)


@of_kind("reply")
def test_python_decodes_the_reply(name: str) -> None:
    case, values = GOLDEN[name], GOLDEN[name]["values"]
    codec = layout_of(case)
    reply = codec.decode_reply(message_of(case))
    assert (reply.request, reply.frames) == (values["request"], values["frames"])
    assert reply.rewards.tolist() == values["rewards"]
    assert list(reply.reset) == values.get("reset", [])
    assert reply.has_infos == any(values["infos"])
    assert_part(case, reply, values)
    if "next" in values:
        assert reply.next is not None
        assert reply.next.rewards.size == 0
        assert_part(case, reply.next, values["next"])
    else:
        assert reply.next is None


def assert_part(case: Case, reply: Reply, values: Case) -> None:
    """One of the two parts of a reply is what the values say."""
    codec = layout_of(case)
    assert reply.flags.tolist() == values["flags"]
    assert reply.infos == values["infos"]
    for arena in range(len(values["flags"])):
        for slot, agent in enumerate(case["scene"]["agents"]):
            observation = values["observations"][arena][slot]
            if observation is not None:
                space = from_wire(agent["observation_space"])
                assert_same(space, codec.observation(reply, arena, slot), observation)
            mask = codec.mask(reply, arena, slot)
            expected = values["masks"][arena][slot] or [0] * agent["action_mask"]
            assert ([] if mask is None else mask.tolist()) == expected
        if values["state"] is not None and values["state"][arena] is not None:
            space = from_wire(case["scene"]["state_space"])
            assert_same(space, codec.state(reply, arena), values["state"][arena])


@of_kind("frame")
def test_python_decodes_the_frame(name: str) -> None:
    case = GOLDEN[name]
    request, frame = decode_image(message_of(case))
    assert request == case["values"]["request"]
    assert frame.dtype == np.uint8
    assert frame.tolist() == case["values"]["pixels"]


def facts(case: Case, message: bytes) -> object:
    """All that Python takes from a message of the game, to compare bit by bit; None if it refuses the message."""
    try:
        if case["kind"] == "frame":
            request, frame = decode_image(message)
            return request, frame.shape, frame.tobytes()
        return reply_facts(layout_of(case).decode_reply(message))
    except errors.ProtocolError:
        return None


def reply_facts(reply: Reply) -> object:
    parts = vars_of(reply)
    infos, following = parts.pop("infos"), parts.pop("next")
    arrays = {**parts.pop("sections"), **parts}
    facts = {key: value.tobytes() if isinstance(value, np.ndarray) else value for key, value in arrays.items()}
    return infos, facts, following and reply_facts(following)


def vars_of(reply: Reply) -> dict[str, Any]:
    return {member.name: getattr(reply, member.name) for member in fields(reply)}


def fixed_parts(case: Case) -> list[bytes]:
    return [bytes.fromhex(part) for label, part in case["message"] if label != "tail"]


@of_kind("reply", "frame")
def test_python_detects_any_flipped_byte_of_a_binary_message(name: str) -> None:
    case = GOLDEN[name]
    message = message_of(case)
    expected = facts(case, message)
    assert expected is not None
    for place in range(len(b"".join(fixed_parts(case)))):
        for flip in (0x01, 0x80, 0xFF):
            mutated = message[:place] + bytes([message[place] ^ flip]) + message[place + 1 :]
            assert facts(case, mutated) != expected, f"byte {place}"


@of_kind("reply", "frame")
def test_python_detects_any_two_swapped_parts_of_a_binary_message(name: str) -> None:
    case = GOLDEN[name]
    parts = [bytes.fromhex(part) for _, part in case["message"]]
    expected = facts(case, b"".join(parts))
    for first, second in itertools.combinations(range(len(parts)), 2):
        swapped = list(parts)
        swapped[first], swapped[second] = parts[second], parts[first]
        if b"".join(swapped) != b"".join(parts):
            assert facts(case, b"".join(swapped)) != expected, f"parts {first} and {second}"


@of_kind("reply", "frame")
def test_python_rejects_a_message_that_is_too_short_or_too_long(name: str) -> None:
    case = GOLDEN[name]
    message = message_of(case)
    assert all(facts(case, message[:size]) is None for size in range(len(message)))
    assert facts(case, message + b"\0") is None


# -- The addon, in the real engine -------------------------------------------------------------------------------------

PROJECT = """config_version=5

[application]

config/name="Golden transcripts"
config/features=PackedStringArray("4.5")

[debug]

gdscript/warnings/untyped_declaration=2
"""


@pytest.fixture(scope="module")
def godot_results(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """For each check by the addon its name and what is wrong, an empty text if nothing is."""
    project = tmp_path_factory.mktemp("golden-project")
    (project / "project.godot").write_text(PROJECT)
    script = HERE.parent / "gdscript" / "golden.gd"
    (project / script.name).write_bytes(script.read_bytes())
    install_addon(project)
    godot = [str(engine.path), "--headless", "--path", str(project)]
    run_engine([*godot, "--import"])
    # Iterations after which the engine ends in any case.
    output = run_engine([*godot, "--quit-after", "100", "--script", script.name, "--", str(HERE)])
    assert "SCRIPT ERROR" not in output, output
    results = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    assert results, output
    assert results[-1] == {"checks": len(results) - 1}, output
    return {result["check"]: result["problem"] for result in results[:-1]}


def run_engine(command: list[str]) -> str:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=90, check=False
    )
    output = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, output
    return output


@pytest.mark.godot
@pytest.mark.parametrize("name", GOLDEN)
def test_the_addon_agrees_with_the_transcript(name: str, godot_results: dict[str, str]) -> None:
    found = {check: problem for check, problem in godot_results.items() if check.split(":")[0] == name}
    assert found, f"{name} was not replayed"
    assert {check: problem for check, problem in found.items() if problem} == {}


@pytest.mark.godot
@of_kind("step")
def test_the_addon_detects_every_flipped_byte_and_swapped_part_of_a_step(
    name: str, godot_results: dict[str, str]
) -> None:
    assert godot_results[f"{name}: flipped bytes"] == ""
    assert godot_results[f"{name}: swapped parts"] == ""
    assert godot_results[f"{name}: cut short"] == ""


def test_the_hand_written_bytes_are_little_endian() -> None:
    """Guards the transcripts themselves: labels with a number in hexadecimal say what the bytes are."""
    labelled = [part for case in GOLDEN.values() if case["kind"] in ("step", "reply") for part in case["message"]]
    checked = [(label, part) for label, part in labelled if " 0x" in label]
    assert checked
    for label, part in checked:
        assert struct.unpack("<I", bytes.fromhex(part)) == (int(label.rsplit(" ", 1)[1], 16),)

"""The conversation with a game, without any socket."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from godot_marl import errors
from godot_marl.protocol import error_codes
from godot_marl.protocol.codec import IMAGE_HEADER, Reply
from godot_marl.protocol.messages import Configuration, SceneDescription
from godot_marl.protocol.seeds import MAX_SEED
from godot_marl.protocol.session import Phase, Session, version_error

HELLO: dict[str, Any] = {
    "type": "hello",
    "protocol": 1,
    "addon_version": "0.1.0",
    "engine": "Godot 4.6",
    "debug": True,
    "scene": "res://main.tscn",
}
BOX = {"type": "box", "shape": [1], "dtype": "float32", "low": "-inf", "high": "inf"}
AGENT: dict[str, Any] = {
    "name": "cart_0",
    "path": "/root/Main/Cart",
    "policy": "default",
    "observation_space": BOX,
    "action_space": {"type": "discrete", "n": 2, "start": 0},
    "action_mask": 0,
}
SCENE: dict[str, Any] = {
    "type": "scene",
    "step_length": 1,
    "physics_fps": 60,
    "arenas": 1,
    "state_space": None,
    "warnings": [],
    "agents": [AGENT],
}


def told(session: Session, *messages: dict[str, Any] | bytes) -> Any:
    """The answer to the last of the messages."""
    answer = None
    for message in messages:
        answer = session.receive(message if isinstance(message, bytes) else json.dumps(message))
    return answer


@pytest.fixture
def session() -> Session:
    """A session after the handshake."""
    session = Session(Configuration())
    told(session, HELLO, SCENE)
    return session


def reply_to(request: int, reward: float = 0.5) -> bytes:
    return struct.pack("<BBHIIIdfB", 2, 0, 0, request, 0, 1, reward, 1.5, 1)


# -- The handshake -----------------------------------------------------------------------------------------------------


def test_hello_is_answered_with_the_configuration() -> None:
    session = Session(Configuration(step_length=3))
    answer = json.loads(told(session, HELLO))
    assert (answer["type"], answer["protocol"], answer["step_length"]) == ("configure", 1, 3)
    assert session.phase is Phase.SCENE


def test_a_scene_ends_the_handshake() -> None:
    session = Session(Configuration())
    scene = told(session, HELLO, SCENE)
    assert isinstance(scene, SceneDescription)
    assert scene is session.scene
    assert (scene.engine, scene.addon_version, scene.debug) == ("Godot 4.6", "0.1.0", True)
    assert scene.agents[0].action_space == spaces.Discrete(2)
    assert session.phase is Phase.READY
    assert session.codec.slots == 1


def test_a_control_character_in_a_text_is_taken_as_it_is_as_godot_writes_it() -> None:
    session = Session(Configuration())
    session.receive(json.dumps({**HELLO, "engine": "Godot !"}).replace("!", "\x1b"))
    assert told(session, SCENE).engine == "Godot \x1b"


@pytest.mark.parametrize(
    "change",
    [{"warnings": ""}, {"turns": "no"}, {"step_length": 1.5}, {"settle_frames": -1}, {"physics_fps": True}],
    ids=str,
)
def test_a_member_of_another_type_is_refused_and_not_made_to_fit(change: dict[str, Any]) -> None:
    with pytest.raises(errors.ProtocolError, match="malformed scene"):
        told(Session(Configuration()), HELLO, {**SCENE, **change})


def test_unknown_members_are_ignored() -> None:
    session = Session(Configuration())
    agent = {**AGENT, "colour": "red"}
    assert isinstance(told(session, {**HELLO, "new": 1}, {**SCENE, "agents": [agent], "new": []}), SceneDescription)


@pytest.mark.parametrize(
    ("theirs", "remedy"), [(2, "Update the Python package"), (0, "Update the addon"), ("old", "Update the addon")]
)
def test_another_version_says_which_side_to_update(theirs: object, remedy: str) -> None:
    with pytest.raises(errors.ProtocolVersionError) as error:
        told(Session(Configuration()), {**HELLO, "protocol": theirs})
    assert error.value.remedy is not None
    assert error.value.remedy.startswith(remedy)
    assert "0.1.0" in str(error.value.where)


def test_a_version_in_the_subprotocol_says_the_same() -> None:
    assert "pip install" in str(version_error("godot-marl.v2").remedy)
    assert "addon install" in str(version_error("godot-marl.v0").remedy)
    assert "addon install" in str(version_error("godot-marl.vX").remedy)
    # More digits than Python makes a number of.
    assert "pip install" in str(version_error("godot-marl.v" + "9" * 5000).remedy)


@pytest.mark.parametrize("member", ["protocol"])
def test_a_hello_without_what_it_needs_is_refused(member: str) -> None:
    with pytest.raises(errors.ProtocolError):
        told(Session(Configuration()), {key: value for key, value in HELLO.items() if key != member})


@pytest.mark.parametrize("member", ["step_length", "physics_fps", "arenas", "agents"])
def test_a_scene_without_what_it_needs_is_refused(member: str) -> None:
    session = Session(Configuration())
    with pytest.raises(errors.ProtocolError, match="malformed scene"):
        told(session, HELLO, {key: value for key, value in SCENE.items() if key != member})
    assert session.phase is Phase.OVER


@pytest.mark.parametrize("member", AGENT)
def test_an_agent_without_what_it_needs_is_refused(member: str) -> None:
    agent = {key: value for key, value in AGENT.items() if key != member}
    with pytest.raises(errors.ProtocolError, match="malformed scene"):
        told(Session(Configuration()), HELLO, {**SCENE, "agents": [agent]})


@pytest.mark.parametrize(
    "change",
    [
        {"agents": []},
        {"agents": [AGENT, AGENT]},
        {"agents": [{**AGENT, "action_mask": -1}]},
        {"agents": [{**AGENT, "action_mask": float("inf")}]},
        {"agents": {"cart_0": AGENT}},
        {"agents": 3},
        {"arenas": 2},
        {"arenas": float("inf")},
        {"step_length": None},
        {"physics_fps": float("nan")},
        {"physics_fps": []},
        {"warnings": [3]},
        {"warnings": [{}]},
    ],
    ids=repr,
)
def test_a_scene_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(errors.ProtocolError):
        told(Session(Configuration()), HELLO, {**SCENE, **change})


@pytest.mark.parametrize("member", ["action_space", "observation_space", "state_space"])
def test_a_malformed_space_is_an_error_that_names_its_method(member: str) -> None:
    scene = {**SCENE, "agents": [{**AGENT, member: {"type": "discrete", "n": 0}}]}
    if member == "state_space":
        scene = {**SCENE, member: {"type": "discrete", "n": 0}}
    with pytest.raises(errors.InvalidSpaceError) as error:
        told(Session(Configuration()), HELLO, scene)
    assert f"get_{member}()" in str(error.value.where)


def test_an_agent_without_action_space_is_named_with_what_to_do() -> None:
    with pytest.raises(errors.InvalidSpaceError, match="cart_0 has no action space") as error:
        told(Session(Configuration()), HELLO, {**SCENE, "agents": [{**AGENT, "action_space": None}]})
    assert "action_space=" in str(error.value.remedy)


@pytest.mark.parametrize("option", ["action_space", "observation_space"])
def test_a_space_for_an_agent_that_is_not_there_is_an_invalid_option(option: str) -> None:
    configuration = Configuration(**{option: {"cart_0": spaces.Discrete(2), "cat_0": spaces.Discrete(2)}})  # type: ignore[arg-type]
    with pytest.raises(errors.InvalidOptionError) as error:
        told(Session(configuration), HELLO, SCENE)
    assert (error.value.where, error.value.got) == (option, "cat_0")


def test_a_space_that_does_not_cross_the_wire_names_the_option_and_the_agent() -> None:
    configuration = Configuration(action_space={"cart_0": spaces.Text(3)})
    with pytest.raises(errors.InvalidSpaceError) as error:
        told(Session(configuration), HELLO)
    assert error.value.where == "action_space['cart_0']"


# -- Requests and answers ----------------------------------------------------------------------------------------------


def test_a_step_is_answered_by_a_reply(session: Session) -> None:
    assert session.step([{0: 1}])[4:8] == struct.pack("<I", 1)
    assert session.phase is Phase.REPLY
    reply = told(session, reply_to(1))
    assert isinstance(reply, Reply)
    assert reply.rewards.tolist() == [[0.5]]
    assert session.phase is Phase.READY


def test_a_render_is_answered_by_a_frame(session: Session) -> None:
    assert json.loads(session.render())["size"] is None
    frame = told(session, IMAGE_HEADER.pack(3, 0, 0, 1, 1, 1, 3, 0) + b"\x01\x02\x03")
    assert isinstance(frame, np.ndarray)
    assert frame.tolist() == [[[1, 2, 3]]]


def test_request_numbers_count_up_and_wrap(session: Session) -> None:
    session._request = 2**32 - 2
    numbers = []
    for _ in range(3):
        numbers.append(struct.unpack("<I", session.step([{}])[4:8])[0])
        told(session, reply_to(numbers[-1]))
    assert numbers == [2**32 - 1, 0, 1]


def test_seeds_travel_as_text_and_in_full(session: Session) -> None:
    message = json.loads(session.reset({0: (MAX_SEED, {"level": 3})}))
    assert message["arenas"] == [{"arena": 0, "seed": str(2**63 - 1), "options": {"level": 3}}]


@pytest.mark.parametrize("value", [..., {1, 2}, b"x", float("nan"), float("inf")], ids=repr)
def test_options_that_are_no_json_are_an_invalid_option_and_ask_for_nothing(session: Session, value: object) -> None:
    with pytest.raises(errors.InvalidOptionError):
        session.reset({0: (1, {"level": value})})
    assert session.phase is Phase.READY


@pytest.mark.parametrize("request_number", [0, 2, 2**32 - 1])
def test_a_reply_to_another_request_is_refused(session: Session, request_number: int) -> None:
    session.step([{0: 1}])
    with pytest.raises(errors.ProtocolError):
        told(session, reply_to(request_number))
    assert session.phase is Phase.OVER


def test_an_unrequested_reply_is_rejected(session: Session) -> None:
    with pytest.raises(errors.ProtocolError):
        told(session, reply_to(0))


def test_a_second_reply_is_refused(session: Session) -> None:
    session.step([{0: 1}])
    told(session, reply_to(1))
    with pytest.raises(errors.ProtocolError):
        told(session, reply_to(1))


@pytest.mark.parametrize("message", [b"", b"\x00", b"\x01" * 30, b"\x02", b"\x03"])
def test_bytes_that_are_no_answer_are_refused(session: Session, message: bytes) -> None:
    session.step([{0: 1}])
    with pytest.raises(errors.ProtocolError):
        told(session, message)


def test_a_second_request_before_the_answer_is_refused(session: Session) -> None:
    session.step([{0: 1}])
    with pytest.raises(errors.ProtocolError):
        session.step([{0: 1}])


def test_a_request_before_the_handshake_is_refused() -> None:
    for ask in (lambda s: s.step([{}]), lambda s: s.reset({}), lambda s: s.render()):
        with pytest.raises(errors.ProtocolError):
            ask(Session(Configuration()))


@pytest.mark.parametrize("messages", [(SCENE,), (HELLO, HELLO), (HELLO, SCENE, SCENE), (HELLO, SCENE, HELLO)])
def test_a_message_in_the_wrong_place_is_refused(messages: tuple[dict[str, Any], ...]) -> None:
    with pytest.raises(errors.ProtocolError):
        told(Session(Configuration()), *messages)


@pytest.mark.parametrize(
    "text", ["", "hello", "[]", "null", "3", "{}", '{"type": 3}', '{"type": "configure"}', "[" * 100_000, "9" * 5000]
)
def test_a_text_that_is_no_control_message_is_refused(text: str) -> None:
    with pytest.raises(errors.ProtocolError):
        Session(Configuration()).receive(text)


def test_after_close_nothing_may_be_asked(session: Session) -> None:
    assert json.loads(session.close()) == {"type": "close"}
    with pytest.raises(errors.ProtocolError):
        session.step([{0: 1}])


# -- Errors from the game ----------------------------------------------------------------------------------------------

# Clause 8.1, word by word.
CODES = {
    "no_agent": errors.NoAgentError,
    "agent_name": errors.SceneError,
    "agent_set": errors.SceneError,
    "birth": errors.SceneError,
    "turn": errors.SceneError,
    "space": errors.InvalidSpaceError,
    "observation": errors.InvalidObservationError,
    "state": errors.InvalidObservationError,
    "reward": errors.InvalidObservationError,
    "end": errors.InvalidObservationError,
    "action_mask": errors.InvalidObservationError,
    "human_action": errors.SceneError,
    "info": errors.InvalidObservationError,
    "options": errors.InvalidOptionError,
    "script": errors.ScriptError,
    "render": errors.InvalidOptionError,
    "configure": errors.InvalidOptionError,
    "protocol": errors.ProtocolError,
    "a code of a later version": errors.SceneError,
}


@pytest.mark.parametrize("code", CODES)
def test_each_error_code_has_its_exception(session: Session, code: str) -> None:
    parts = {"what": "It broke.", "where": "here", "expected": "a", "got": "b", "remedy": "Mend it."}
    session.step([{0: 1}])
    with pytest.raises(errors.GodotMarlError) as error:
        told(session, {"type": "error", "request": 1, "code": code, **parts, "script_errors": []})
    assert type(error.value) is CODES[code]
    assert {name: getattr(error.value, name) for name in parts} == parts
    assert session.phase is Phase.OVER


def test_the_list_of_codes_is_that_of_the_protocol() -> None:
    assert set(error_codes._ERROR_OF_CODE) == set(CODES) - {"a code of a later version"}


@pytest.mark.parametrize("messages", [(), (HELLO,), (HELLO, SCENE)])
def test_an_error_may_come_at_any_time(messages: tuple[dict[str, Any], ...]) -> None:
    session = Session(Configuration())
    told(session, *messages)
    with pytest.raises(errors.NoAgentError):
        told(session, {"type": "error", "code": "no_agent"})


@pytest.mark.parametrize("entry", [3, "text", [1], None])
def test_malformed_script_errors_are_refused(entry: object) -> None:
    with pytest.raises(errors.ProtocolError):
        told(Session(Configuration()), {"type": "error", "code": "script", "script_errors": [entry]})


# -- Any message of a game ---------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
ERROR = {"type": "error", "request": 1, "code": "script", "what": "w", "script_errors": [{"file": "f", "line": 1}]}
STATE = {**SCENE, "state_space": {"type": "dict", "spaces": {"a": BOX, "b": {"type": "multi_discrete", "nvec": [2]}}}}
WARNINGS = {**STATE, "warnings": [{"what": "a", "where": "b", "remedy": "c"}]}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to everything inside a JSON value."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [path, *(place for key in keys for place in places(value[key], (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(copy[path[0]], path[1:], new)
    return copy


def only_our_errors(session: Session, message: str | bytes) -> None:
    try:
        answer = session.receive(message)
    except errors.GodotMarlError:
        assert session.phase is Phase.OVER
        return
    assert isinstance(answer, (str, SceneDescription, Reply, np.ndarray))


def session_after(count: int) -> Session:
    session = Session(Configuration())
    told(session, *(HELLO, SCENE)[:count])
    if count == 2:
        session.step([{0: 1}])
    return session


@settings(max_examples=300)
@given(st.sampled_from([(0, HELLO), (1, WARNINGS), (1, ERROR), (2, ERROR)]), JSON, st.data())
def test_a_message_with_anything_in_any_place_raises_only_our_errors(
    start: tuple[int, dict[str, Any]], anything: Any, data: st.DataObject
) -> None:
    count, message = start
    place = data.draw(st.sampled_from(places(message)))
    only_our_errors(session_after(count), json.dumps(replaced(message, place, anything)))


@settings(max_examples=100)
@given(st.integers(0, 2), st.text() | JSON.map(json.dumps))
def test_any_text_raises_only_our_errors(count: int, text: str) -> None:
    only_our_errors(session_after(count), text)


@settings(max_examples=100)
@given(st.integers(0, 2), st.binary(max_size=40) | st.binary(max_size=40).map(lambda b: reply_to(1)[:16] + b))
def test_any_bytes_raise_only_our_errors(count: int, message: bytes) -> None:
    only_our_errors(session_after(count), message)


@settings(max_examples=100)
@given(st.sampled_from([(0, HELLO), (1, WARNINGS), (2, ERROR)]), st.data())
def test_a_text_with_damaged_letters_raises_only_our_errors(
    start: tuple[int, dict[str, Any]], data: st.DataObject
) -> None:
    count, message = start
    text = list(json.dumps(message))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place] = data.draw(st.sampled_from(['"', "{", "}", "[", "]", ",", ":", "-", "0", "9", "e", "", "\\", "N"]))
    only_our_errors(session_after(count), "".join(text))

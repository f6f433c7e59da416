"""What strangers can do to an environment: nothing, whether they come over the network or through the wire itself."""

from __future__ import annotations

import ast
import contextlib
import hmac
import json
import logging
import pickle
import re
import struct
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from by_hand import ByHand, free_port
from certificates import Authority
from gymnasium import spaces
from pages import ROOT
from peer import BINARY, CLOSE, CONFIGURE, RESET, Peer, text
from storm import BROWSER, NOISES, WRONG_TOKEN, Storm
from waiting import TOKEN, UPGRADE, Waiting, listening, soon

import godot_marl
from godot_marl import addresses
from godot_marl import listener as listener_module
from godot_marl.errors import GodotMarlError, InvalidOptionError, ProtocolError
from godot_marl.link import Link
from godot_marl.listener import Listener
from godot_marl.parallel import GodotParallelEnv
from godot_marl.protocol import Configuration, Session

MakeEnv = Callable[..., GodotParallelEnv]
LET_IN = f"Authorization: Bearer {TOKEN}\r\n\r\n"


@pytest.fixture
def guarded() -> Iterator[Waiting]:
    with listening(TOKEN) as waiting:
        yield waiting


def reply_to(waiting: Waiting, request: bytes) -> bytes:
    """What a stranger reads until the end."""
    stranger = waiting.raw()
    answer = b""
    with contextlib.suppress(ConnectionError):
        stranger.sendall(request)
        while data := stranger.recv(4096):
            answer += data
    return answer


def game_gets_in(waiting: Waiting) -> bool:
    waiting.raw().sendall(UPGRADE.replace("\r\n\r\n", "\r\n" + LET_IN).encode())
    return True


# -- Which address, and who may know it --------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.9.9.9"])
def test_no_address_of_this_machine_alone_is_warned_of(host: str, caplog: pytest.LogCaptureFixture) -> None:
    Listener(host, 0, None).close()
    assert caplog.records == []


def test_an_address_that_others_reach_is_warned_of_and_children_get_a_loopback_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    listener = Listener("0.0.0.0", 0, TOKEN)  # noqa: S104 - that is the question
    listener.close()
    assert listener.url == f"ws://127.0.0.1:{listener.port}"
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    for part in (f"0.0.0.0:{listener.port}", "every machine that reaches this address", "the token", "ssl="):
        assert part in record.getMessage()
    assert TOKEN not in record.getMessage()


@pytest.mark.parametrize(
    ("address", "warned", "own"),
    [("::", "[::]:8000", "::1"), ("::1", "", "::1"), ("2001:db8::7", "[2001:db8::7]:8000", "2001:db8::7")],
)
def test_addresses_of_ipv6_are_judged_in_the_same_way(
    address: str, warned: str, own: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Not every machine has them, so nothing listens here."""
    addresses.check_exposure(address, 8000, TOKEN, is_encrypted=False)
    assert f"Python listens on {warned} until" in caplog.text if warned else not caplog.records
    assert addresses.for_this_machine(address) == own
    if warned:
        with pytest.raises(InvalidOptionError):
            addresses.check_exposure(address, 8000, None, is_encrypted=True)


def test_an_address_that_others_reach_needs_a_token_where_the_game_is_started_by_hand() -> None:
    env = godot_marl.parallel_env(host="0.0.0.0", port=free_port())  # noqa: S104 - that is the question
    with pytest.raises(InvalidOptionError) as error:
        env.reset()
    assert error.value.where == "token"
    assert "GODOT_MARL_TOKEN" in str(error.value)


@pytest.mark.godot
def test_a_game_that_python_starts_finds_it_on_all_addresses(make: MakeEnv, caplog: pytest.LogCaptureFixture) -> None:
    env = make("walker", host="0.0.0.0")  # noqa: S104 - that is the question
    assert env.reset(seed=1)[0]["walker_0"].item() == 0.0
    assert "Python listens on 0.0.0.0:" in caplog.text


# -- The order of the checks -------------------------------------------------------------------------------------------


def test_origin_then_token_then_subprotocol_are_looked_at_before_anything_is_parsed(
    guarded: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parse(*_: object) -> None:
        raise AssertionError("parsed")

    monkeypatch.setattr(json, "loads", parse)
    future = guarded.accept()
    other = UPGRADE.replace("godot-marl.v1", "chat")
    hello = b"\x81\x82\x00\x00\x00\x00{}"
    assert reply_to(guarded, BROWSER + hello).startswith(b"HTTP/1.1 403 ")
    assert reply_to(guarded, WRONG_TOKEN + hello).startswith(b"HTTP/1.1 401 ")
    assert reply_to(guarded, other.encode() + hello).startswith(b"HTTP/1.1 401 ")
    with_token = other.replace("\r\n\r\n", "\r\n" + LET_IN).encode()
    assert reply_to(guarded, with_token + hello).startswith(b"HTTP/1.1 400 ")
    assert not future.done()
    game_gets_in(guarded)
    assert isinstance(future.result(10), Link)


def test_the_token_is_compared_in_constant_time(guarded: Waiting, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(given: bytes, expected: bytes) -> bool:
        compared.append((given, expected))
        return given.endswith(b"wrong")

    monkeypatch.setattr(hmac, "compare_digest", compare)
    future = guarded.accept()
    # It decides, and nothing else does.
    assert reply_to(guarded, UPGRADE.replace("\r\n\r\n", "\r\n" + LET_IN).encode()).startswith(b"HTTP/1.1 401 ")
    guarded.raw().sendall(WRONG_TOKEN)
    assert isinstance(future.result(10), Link)
    expected = f"Bearer {TOKEN}".encode()
    assert compared == [(expected, expected), (b"Bearer wrong", expected)]


# -- Many strangers ----------------------------------------------------------------------------------------------------


def test_half_open_connections_are_few_and_the_oldest_gives_way(guarded: Waiting) -> None:
    future = guarded.accept()
    before = psutil.Process().num_fds()
    strangers = [guarded.raw() for _ in range(200)]
    # The first was let go, while the last is still there.
    assert strangers[0].recv(1) == b""
    strangers[-1].settimeout(0.2)
    with pytest.raises(TimeoutError):
        strangers[-1].recv(1)
    most = listener_module._MOST_WAITING
    assert psutil.Process().num_fds() - before <= len(strangers) + most + 5
    game_gets_in(guarded)
    assert isinstance(future.result(10), Link)


@pytest.mark.parametrize("kind", ["endless line", "endless header"])
def test_a_request_without_end_is_cut_off_soon(guarded: Waiting, kind: str) -> None:
    future = guarded.accept()
    stranger = guarded.raw()
    # Both sides' buffers take some of it.
    with pytest.raises(ConnectionError):
        stranger.sendall(10 * NOISES[kind])
    game_gets_in(guarded)
    assert isinstance(future.result(10), Link)


def walk(env: GodotParallelEnv, steps: int = 300) -> list[float]:
    """Back and forth, for some time."""
    found = [env.reset(seed=1)[0]["walker_0"].item()]
    found += [env.step({"walker_0": 2 if i % 4 < 2 else 0})[0]["walker_0"].item() for i in range(steps)]
    return found


EXPECTED_WALK = [0.0, *([1.0, 2.0, 1.0, 0.0] * 75)]


@pytest.mark.godot
@pytest.mark.parametrize("form", ["started by Python", "started by hand"])
def test_a_storm_of_strangers_during_start_and_run_changes_nothing(
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
    # Each reason is told once, however many come with it.
    told = [record.getMessage() for record in caplog.records if "turned away" in record.getMessage()]
    assert len(told) == len(set(told)) <= 6
    env.close()


# -- The sizes of messages ---------------------------------------------------------------------------------------------


def described(**more: Any) -> Session:
    """A session that knows its scene: one agent that observes ten numbers."""
    session = Session(Configuration())
    session.receive(json.dumps({"type": "hello", "protocol": 1}))
    box = {"type": "box", "shape": [10], "dtype": "float32", "low": "-inf", "high": "inf"}
    agent = {
        "name": "a",
        "path": "/root/A",
        "policy": "default",
        "observation_space": box,
        "action_space": {"type": "discrete", "n": 2, "start": 0},
        "action_mask": 0,
    } | more
    session.receive(json.dumps({"type": "scene", "step_length": 1, "physics_fps": 60, "arenas": 1, "agents": [agent]}))
    return session


def test_the_handshake_bounds_the_messages_to_python() -> None:
    session = described()
    # A header, a reward, ten numbers and a flag; with orders a mark, and all but the reward once more.
    assert session.layout.longest_reply == 16 + 8 + 40 + 1 + 1 + 41
    assert session.longest_message(renders=False) == session.layout.longest_reply + 2**24
    assert session.longest_message(renders=True) == 2**26


@pytest.mark.parametrize("size", [10 * 2**30, 2**24 + 200], ids=["ten gigabytes", "a little more than can be"])
def test_an_announced_size_beyond_the_bound_is_refused_at_its_header(guarded: Waiting, size: int) -> None:
    future = guarded.accept()
    game = guarded.raw()
    game.sendall(UPGRADE.replace("\r\n\r\n", "\r\n" + LET_IN).encode())
    link = future.result(10)
    link.limit(described().longest_message(renders=False))
    before = psutil.Process().memory_info().rss
    game.sendall(b"\x82\xff" + struct.pack(">Q", size) + bytes(4))
    with pytest.raises(ProtocolError, match="too large"):
        link.receive(soon())
    assert psutil.Process().memory_info().rss - before < 2**22


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


def test_options_that_the_game_would_refuse_are_not_sent() -> None:
    session = described()
    with pytest.raises(InvalidOptionError, match="16777216 bytes as JSON"):
        session.reset({0: (1, {"word": "x" * 2**24})})
    # It can go on.
    assert len(session.reset({0: (2**63 - 1, {"word": "x" * (2**24 - 300)})})) < 2**24


# -- What the wire may bring about in Python ---------------------------------------------------------------------------

CORE = [
    path for path in (ROOT / "godot_marl").glob("*.py") if path.stem not in ("sb3", "sb3_rows", "rllib", "wrappers")
]
EVALUATING = {"eval", "exec", "compile", "__import__", "import_module", "execfile"}
UNPICKLING = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "yaml", "runpy"}


def test_no_module_of_the_core_evaluates_or_unpickles_anything() -> None:
    assert len(CORE) > 30
    for path in CORE:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                is_regular_expression = name == "compile" and ast.unparse(node.func) == "re.compile"
                assert name not in EVALUATING or is_regular_expression, f"{path}:{node.lineno}"
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = {alias.name.partition(".")[0] for alias in node.names} | {getattr(node, "module", None) or ""}
                assert not names & UNPICKLING, f"{path}:{node.lineno}"


class Bomb:
    def __reduce__(self) -> tuple[object, ...]:
        return (sys.exit, ("it was unpickled",))


HOSTILE_TEXTS = [
    "__import__('os').system('touch /tmp/x')",
    "{}.__class__.__base__.__subclasses__()",
    "../../../etc/passwd",
    "a\nb\0c",
    "{0.__class__}",
    "%(password)s",
    "!!python/object/apply:os.system ['true']",
    pickle.dumps(Bomb(), 0).decode("latin-1"),
]
DANGEROUS = ("exec", "compile", "open", "import", "pickle.", "marshal.", "subprocess.", "os.", "ctypes.", "socket.")
_heard: list[str] | None = None


def _listen(event: str, _: tuple[object, ...]) -> None:
    if _heard is not None and event.startswith(DANGEROUS):
        _heard.append(event)


# It cannot be taken away again.
sys.addaudithook(_listen)


@contextlib.contextmanager
def hearing() -> Iterator[list[str]]:
    """What Python's audit hooks tell of meanwhile: whatever could do harm."""
    global _heard
    _heard = []
    try:
        yield _heard
    finally:
        _heard = None


@pytest.mark.parametrize("hostile", HOSTILE_TEXTS)
def test_what_a_game_says_is_never_more_than_text(hostile: str) -> None:
    """In every place where a text of the game's may stand."""
    place: dict[str, Any]
    with hearing() as heard:
        session = described(name=hostile, path=hostile, policy=hostile)
        assert session.scene is not None
        assert session.scene.agents[0].name == hostile
        for message in (
            {"type": hostile},
            {
                "type": "error",
                "code": hostile,
                "what": hostile,
                "where": hostile,
                "script_errors": [{hostile: hostile}],
            },
            {"type": "scene", "agents": hostile},
            {"type": "hello", "protocol": hostile, "addon_version": hostile},
        ):
            with contextlib.suppress(GodotMarlError):
                described().receive(json.dumps(message))
        for place in ({"observation_space": {"type": hostile}}, {"action_space": hostile}, {"action_mask": hostile}):
            with contextlib.suppress(GodotMarlError):
                described(**place)
        for raw in (hostile.encode("latin-1", "replace"), pickle.dumps(Bomb())):
            asked = described()
            asked.reset({0: (1, {})})
            with contextlib.suppress(GodotMarlError):
                asked.receive(raw)
        asked = described()
        asked.reset({0: (1, {})})
        tail = json.dumps({"infos": [{"a": {hostile: hostile}}]}).encode()
        header = struct.pack("<BBHIII", 2, 0, 0, 1, len(tail), 1)
        reply = asked.receive(header + bytes(asked.layout.reply_size - 16) + tail)
        assert reply.infos == [{"a": {hostile: hostile}}]
    assert heard == []


def test_the_hook_would_have_heard() -> None:
    with hearing() as heard, contextlib.suppress(SystemExit):
        pickle.loads(pickle.dumps(Bomb()))  # noqa: S301 - that is the question
    assert "pickle.find_class" in heard


@pytest.mark.parametrize(
    "name", ["../../x", "/etc/passwd", "..", "a/b", "a\\b", "a\nb", "a\0b", "", ".hidden", "C:", "x" * 101, "end."]
)
def test_the_scene_chooses_no_file_by_the_name_of_a_policy(name: str) -> None:
    from godot_marl.errors import SceneError
    from godot_marl.training.models import representatives

    session = described(policy=name)
    assert session.scene is not None
    with pytest.raises(SceneError, match="no file can have") as error:
        representatives(session.scene)
    assert error.value.got == repr(name)


@pytest.mark.parametrize("name", ["default", "red_team", "goalkeeper-2", "Läufer 1.5", "x"])
def test_an_ordinary_name_of_a_policy_is_one_of_a_file(name: str) -> None:
    from godot_marl.training.models import representatives

    session = described(policy=name)
    assert session.scene is not None
    assert isinstance(representatives(session.scene)[name].action_space, spaces.Discrete)


# -- What the wire may bring about in the game -------------------------------------------------------------------------

ADDON = ROOT / "godot_addon/addons/godot_marl"
# What calls a method, sets a property, or makes something of a text.
BY_NAME = re.compile(
    r"\.(call|callv|call_deferred|callp|set|set_deferred|set_indexed|get_indexed|emit_signal|rpc|propagate_call)\(([^),]*)"
)
EVALUATES = re.compile(
    r"\b(Expression|str_to_var|bytes_to_var\w*|ClassDB|GDScript\.new|source_code|OS\.(execute|create_\w+|shell_open)|"
    r"DirAccess|FileAccess|ResourceLoader|change_scene\w*)\b|\bload\((?!root\.scene_file_path\)|file\))"
)
# A name in a variable is that of one of these methods: no name from the wire gets there.
KNOWN_VARIABLES = {"method", "_METHOD", "_SIZE", "COUNT", ""}


def addon_scripts() -> Iterator[tuple[str, str]]:
    for path in ADDON.glob("marl_*.gd"):
        code = re.sub(r"^\s*#.*$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        yield path.name, code


def test_the_addon_calls_methods_by_no_name_from_the_wire() -> None:
    seen = 0
    for name, code in addon_scripts():
        for how, what in BY_NAME.findall(code):
            seen += 1
            assert how in ("call", "set"), f"{name}: {how}({what}"
            assert re.fullmatch(r'"\w+"', what) or what in KNOWN_VARIABLES, f"{name}: {how}({what}"
        # What those variables hold: constants, and literals in the calls of the two functions with such a parameter.
        for literal in re.findall(r"const (?:_METHOD|_SIZE|COUNT) :?= (.*)", code):
            assert re.fullmatch(r'&?"\w+"', literal), f"{name}: {literal}"
        for function, pattern in (
            ("_hand", r'_hand\(node, ("?\w+"?)'),
            ("_ask_marks", r'_ask_marks\("\w+", ("?\w+"?)'),
        ):
            for argument in re.findall(pattern, code):
                assert argument.startswith('"'), f"{name}: {function} with {argument}"
    assert seen > 20


def test_the_addon_evaluates_nothing_and_opens_no_file_but_its_scene_and_certificate() -> None:
    for name, code in addon_scripts():
        assert not (found := EVALUATES.search(code)), f"{name}: {found}"


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
    assert by_hand_peer.receive() == (CLOSE, struct.pack(">H", 4002) + f"{kind} does not belong here".encode())
    assert by_hand_peer.ending()[0] == 1

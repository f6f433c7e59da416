"""Texts of the game are never more than text."""

from __future__ import annotations

import contextlib
import json
import pickle
import struct
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from sessions import described

from godot_marl.errors import GodotMarlError


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
    """The harmful events of Python's audit hooks in the block."""
    global _heard
    _heard = []
    try:
        yield _heard
    finally:
        _heard = None


@pytest.mark.parametrize("hostile", HOSTILE_TEXTS)
def test_texts_of_a_game_are_never_evaluated(hostile: str) -> None:
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
        reply = asked.receive(header + bytes(asked.codec.reply_size - 16) + tail)
        assert reply.infos == [{"a": {hostile: hostile}}]
    assert heard == []


def test_the_audit_hook_records_unpickling() -> None:
    with hearing() as heard, contextlib.suppress(SystemExit):
        pickle.loads(pickle.dumps(Bomb()))  # noqa: S301 - that is the question
    assert "pickle.find_class" in heard

"""A space that a part of the addon cannot handle is an error of the handshake, never a space without numbers."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from peer import CONFIGURE, Peer, text

from godot_marl.assets.install import install_addon
from godot_marl.engine import Engine

pytestmark = pytest.mark.godot

TYPES = "type must be box, discrete, multi_discrete, multi_binary, dict or tuple, not graph"
GRAPH = {"type": "graph"}
HALF = {"type": "box", "shape": [2], "dtype": "float16", "low": 0, "high": 1}
# A space that Python gives, and what is wrong with it.
UNUSABLE: dict[str, tuple[dict[str, Any], str]] = {
    "type": (GRAPH, TYPES),
    "dtype": (HALF, "dtype must be one of float32, float64, int8, int16, int32, int64, uint8, not float16"),
    "member": ({"type": "dict", "spaces": {"a": {"type": "tuple", "spaces": [GRAPH]}}}, f"member a: member 0: {TYPES}"),
}


@pytest.fixture
def peer(engine: Engine, scenes: Path) -> Iterator[Peer]:
    made = Peer([str(engine.path), "--headless", "--fixed-fps", "60", "--path", str(scenes), "by_hand.tscn"])
    yield made
    made.close()


@pytest.mark.parametrize("member", ["observation_spaces", "action_spaces"])
@pytest.mark.parametrize("what", UNUSABLE)
def test_a_space_of_python_that_the_addon_does_not_know_is_an_error(peer: Peer, member: str, what: str) -> None:
    space, problem = UNUSABLE[what]
    peer.upgrade()
    assert peer.receive_control()["type"] == "hello"
    peer.send(text({**CONFIGURE, member: {"*": space}}))
    message = peer.receive_control()
    assert {key: message[key] for key in ("type", "code", "what", "where", "got")} == {
        "type": "error",
        "code": "space",
        "what": "Python gave agent walker_0 a space that this addon cannot use.",
        "where": f"{member} of the configure message",
        "got": problem,
    }


def test_a_type_of_space_without_one_of_its_parts_does_not_compile(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "project.godot").write_text("config_version=5\n")
    spaces = install_addon(tmp_path) / "protocol" / "spaces"
    kind = spaces / "marl_tuple_space.gd"
    source = kind.read_text()
    parts = re.findall(r"@abstract\s+func (\w+)", (spaces / "marl_space_kind.gd").read_text())
    assert parts
    for part in parts:
        kind.write_text(source.replace(f"func {part}(", f"func other_{part}("))
        command = [engine.path, "--headless", "--path", tmp_path, "--check-only", "--script", kind]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
        assert f'must implement "marl_space_kind.gd.{part}()"' in done.stdout + done.stderr

"""Infos: what a scene answers arrives in Python as it is, or is an error that says where it is not."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pages import ROOT

from godot_marl.engine import Engine
from godot_marl.errors import InvalidObservationError
from godot_marl.parallel import GodotParallelEnv

MakeEnv = Callable[..., GodotParallelEnv]

pytestmark = pytest.mark.godot

SCRIPT = ROOT / "tests" / "gdscript" / "infos.gd"
PLAIN = "a number, a text, a bool, null, or an Array or Dictionary of these"
DEEP = "at most 100 Arrays and Dictionaries inside one another"
KEYS = "keys that are Strings"
# The place below get_info(), what was expected, and how what was found begins.
WRONG = {
    "vector": ('["at"]', PLAIN, "Vector2: (1.0, 2.0)"),
    "vector in a list": ('["a"][1]["b"][1]', PLAIN, "Vector3: (1.0, 2.0, 3.0)"),
    "integer vector": ('["at"]', PLAIN, "Vector3i: (1, 2, 3)"),
    "color": ('["color"]', PLAIN, "Color: (1.0, 0.0, 0.0, 1.0)"),
    "transform": ('["at"]', PLAIN, "Transform2D: "),
    "node": ('["who"][0]', PLAIN, "Object: Cart:<Node#"),
    "freed": ('["who"]', PLAIN, "a freed Object"),
    "rid": ('["rid"]', PLAIN, "RID: "),
    "callable": ('["call"]', PLAIN, "Callable: "),
    "bytes": ('["bytes"]', PLAIN, "PackedByteArray of size 2: [1, 2]"),
    "vectors": ('["path"]', PLAIN, "PackedVector2Array of size 1: "),
    "colors": ('["a"]', PLAIN, "PackedColorArray of size 0: []"),
    "integer key": ('["a"]', KEYS, "the key 2 (int)"),
    "null key": ("", KEYS, "the key <null> (Nil)"),
    "vector key": ('["grid"][0]', KEYS, "the key (1, 2) (Vector2i)"),
    "quoted key": (r'["a\"\\"]["b"]', PLAIN, "Vector2: "),
    "too deep": ('["a"]' + "[0]" * 99, DEEP, "more"),
    "array ring": ('["a"]' + "[1]" * 99, DEEP, "more"),
    "dictionary ring": ('["self"]' * 100, DEEP, "more"),
}


@pytest.fixture(scope="module")
def problems(engine: Engine, scenes: Path) -> dict[str, dict[str, str]]:
    command = [str(engine.path), "--headless", "--path", str(scenes), "--quit-after", "10", "--script", str(SCRIPT)]
    output = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "ERROR" not in output.stdout + output.stderr, output
    lines = [json.loads(line) for line in output.stdout.splitlines() if line.startswith("{")]
    return {line["name"]: line["problem"] for line in lines}


def two_episodes(env: GodotParallelEnv) -> None:
    for _ in range(2):
        env.reset(seed=1)
        env.step(dict.fromkeys(env.agents, 1))


def test_every_wrong_info_is_found(problems: dict[str, dict[str, str]]) -> None:
    assert problems.keys() == WRONG.keys()


@pytest.mark.parametrize("wrong", WRONG)
def test_an_info_that_json_changes_is_reported_with_its_place(problems: dict[str, dict[str, str]], wrong: str) -> None:
    place, expected, got = WRONG[wrong]
    problem = problems[wrong]
    assert problem["code"] == "info"
    assert problem["what"] == "Agent cart_0: get_info() answered something that would arrive as another value."
    assert problem["where"] == f"get_info(){place}"
    assert problem["expected"] == expected
    assert problem["got"].startswith(got)


def test_json_values_arrive_unchanged(make: MakeEnv) -> None:
    env = make("informer")
    for info in (env.reset(seed=1)[1]["informer_0"], env.step({"informer_0": 1})[4]["informer_0"]):
        info.pop("seed", None)
        deep = info.pop("deep")
        for _ in range(98):
            (deep,) = deep
        assert deep == []
        assert math.isclose(info["packed floats"][0][1], 0.1, rel_tol=1e-6)
        # A NaN is None, as docs/protocol.md says (6.4).
        assert info == {
            "null": None,
            "bool": True,
            "integers": [0, -1, 2**53 + 1, 2**63 - 1, 1 - 2**63],
            "floats": [0.5, 0.1 + 0.2, 1 / 3, info["floats"][3], 5e-324, math.inf, -math.inf, None],
            "text": 'ü\n"\\\t\x0b\u2028😀',
            "name": "a name",
            "path": "/root/Line/Informer",
            "packed": [[1, -2], [2**62], ["a"]],
            "packed floats": [[0.5, float(np.float32(0.1))], [0.1 + 0.2]],
            "typed": [[1, 2]],
            "nested": {"a": [{"b": {}}, []], "": 0},
        }


@pytest.mark.parametrize("at_once", [True, False], ids=["in a reset", "in a step"])
def test_an_info_that_json_changes_is_an_error_of_the_scene(
    make: MakeEnv, monkeypatch: pytest.MonkeyPatch, at_once: bool
) -> None:
    monkeypatch.setenv("FAULT", 'get_info={"hits": [1, Vector2(3, 4)]}' + " at once" * at_once)
    env = make("answering")
    with pytest.raises(InvalidObservationError, match=r"Agent answering: get_info\(\) answered something") as error:
        two_episodes(env)
    assert error.value.where == '/root/Arena/Answering.get_info()["hits"][1]'
    assert error.value.got == "Vector2: (3.0, 4.0)"


def test_a_wrong_info_in_a_group_is_reported_with_the_agents_name(
    make: MakeEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep: Any = []
    for _ in range(100):
        deep = [deep]
    monkeypatch.setenv("WRONG", json.dumps({"get_info": {"later": [{}, {"a": 1}, {"b": deep}]}}))
    env = make("crowd_wrong")
    with pytest.raises(InvalidObservationError, match=r"Agent ant_2: get_info\(\) answered something") as error:
        two_episodes(env)
    assert error.value.where == '/root/Wrong/Ants.get_info()[2]["b"]' + "[0]" * 99

"""What a hostile or broken Python may send: the addon refuses it, or reads exactly what it says.

Its readers get thousands of messages in one run of the real engine: 2,000, and 40,000 with `--nightly`.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wire_reader as reader
from fuzzing import GOLDEN, MOST_MEMORY, SPACES, read
from mutations import Tape, mutated_bytes, mutated_text, places_of
from processes import run_to_its_end

from godot_marl.assets.install import install_addon
from godot_marl.engine import Engine

SCRIPT = Path(__file__).parent.parent / "gdscript" / "fuzz.gd"
CONTROLS = [case["message"] for case in GOLDEN.values() if case["kind"] == "control" and case["from"] == "python"]
STEPS = [case for case in GOLDEN.values() if case["kind"] == "step"]
CASES = [
    {"arenas": case["scene"]["arenas"], "action_spaces": [agent["action_space"] for agent in case["scene"]["agents"]]}
    for case in STEPS
]
STEP_BYTES = [b"".join(bytes.fromhex(part) for _, part in case["message"]) for case in STEPS]
PROJECT = 'config_version=5\n\n[application]\n\nconfig/features=PackedStringArray("4.5")\n'
# A float64 holds integers up to here; beyond, Godot's JSON reads another number.
EXACT = 2**53

DEEP: Any = {"type": "discrete", "n": 2}
for _ in range(400):
    DEEP = {"type": "tuple", "spaces": [DEEP]}


def entries(count: int, seed: int) -> list[dict[str, Any]]:
    random = np.random.default_rng(seed)
    made: list[dict[str, Any]] = [{"kind": "space", "hex": json.dumps(DEEP).encode().hex()}]
    while len(made) < count:
        tape = Tape(random.bytes(24))
        kind = tape.one_of(["control", "space", "step"])
        entry: dict[str, Any] = {"kind": kind}
        if kind == "step":
            entry["case"] = tape.below(len(STEPS))
            message = mutated_bytes(tape, STEP_BYTES[entry["case"]], STEP_BYTES)
        else:
            text = mutated_text(tape, tape.one_of(CONTROLS if kind == "control" else SPACES), SPACES)
            message = text.encode("utf-8", "surrogateescape" if max(text, default="") >= "\udc80" else "surrogatepass")
        made.append({**entry, "hex": message.hex()})
    return made


def expected_of(entry: dict[str, Any]) -> Any:
    """What the strict reader makes of it; None if it refuses it."""
    message = bytes.fromhex(entry["hex"])
    if entry["kind"] == "step":
        case = CASES[entry["case"]]
        return read(reader.read_step, message, case["arenas"], case["action_spaces"])
    text = message.decode("utf-8", "surrogateescape")
    if entry["kind"] == "control":
        return read(reader.read_request, text)
    space = read(reader.read_object, text)
    if space is None or read(reader.read_space, space) is None:
        return None
    widths = Counter[str]()
    for section, size, _ in reader.leaves(space):
        widths[section] += size
    return [widths[section] for section in reader.SIZES]


def numbers_of(value: Any) -> list[Any]:
    values = [container[key] for container, key in places_of(value)]
    return [number for number in values if isinstance(number, (int, float))]


def is_judged(entry: dict[str, Any]) -> bool:
    """Whether both sides must agree: not about numbers and texts that Godot's JSON cannot hold or is lenient about."""
    if entry["kind"] == "step":
        return True
    value = read(reader.read_object, bytes.fromhex(entry["hex"]).decode("utf-8", "surrogateescape"))
    if value is None or len(places_of(value)) > 700:
        return False
    return r"\u0000" not in json.dumps(value) and all(abs(n) < EXACT for n in numbers_of(value))


def assert_same(entry: dict[str, Any], found: Any, expected: Any) -> None:
    where = (entry["kind"], entry.get("case"), bytes.fromhex(entry["hex"])[:500])
    if found is None or expected is None:
        assert found == expected, where
    elif entry["kind"] == "step":
        actions = [None if action is None else bytes.fromhex(action) for action in found["actions"]]
        assert same_actions(actions, expected["actions"]), where
        rest = (found["request"], found["orders"], [int(seed) for seed in found["seeds"]])
        assert rest == (expected["request"], expected["orders"], expected["seeds"]), where
    else:
        if entry["kind"] == "control" and expected["type"] == "reset":
            seeds = found.pop("seeds")
            assert [int(seed) for seed in seeds] == [int(wish["seed"]) for wish in expected["arenas"]], where
        assert same_values(found, expected), where


def same_actions(found: list[bytes | None], expected: list[bytes | None]) -> bool:
    pairs = list(zip(found, expected, strict=True))
    # A NaN may have another payload once a float32 has become a float64.
    return all(a == b or (a is not None and b is not None and len(a) == len(b) and has_nan(b)) for a, b in pairs)


def has_nan(action: bytes) -> bool:
    return any(math.isnan(number) for number in memoryview(action).cast("d"))


def same_values(found: Any, expected: Any) -> bool:
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(
            name in found and same_values(found[name], value) for name, value in expected.items()
        )
    if isinstance(expected, list):
        return (
            isinstance(found, list)
            and len(found) == len(expected)
            and all(same_values(a, b) for a, b in zip(found, expected, strict=True))
        )
    if isinstance(expected, float):
        return math.isclose(found, expected, rel_tol=1e-14)
    return bool(found == expected)


@pytest.mark.godot
@pytest.mark.timeout(600)
def test_the_addon_decodes_each_message_correctly_or_rejects_it(
    engine: Engine, tmp_path: Path, nightly: bool, fuzz_seed: int
) -> None:
    (tmp_path / "project.godot").write_text(PROJECT)
    (tmp_path / SCRIPT.name).write_bytes(SCRIPT.read_bytes())
    install_addon(tmp_path)
    made = entries(40_000 if nightly else 2_000, fuzz_seed)
    (tmp_path / "messages.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in made))
    (tmp_path / "cases.json").write_text(json.dumps(CASES))
    godot = [str(engine.path), "--headless", "--path", str(tmp_path)]
    subprocess.run([*godot, "--import"], check=True, capture_output=True, timeout=60)
    files = [str(tmp_path / "messages.jsonl"), str(tmp_path / "cases.json")]
    status, output, memory = run_to_its_end(
        [*godot, "--quit-after", "100", "--script", SCRIPT.name, "--", *files], seconds=400
    )
    assert status == 0, output[-2000:]
    assert "SCRIPT ERROR" not in output, output[output.index("SCRIPT ERROR") :][:2000]
    lines = [json.loads(line, strict=False) for line in output.split("\n") if line.startswith('{"')]
    assert lines[-1] == {"count": len(made)}
    counts = Counter[str]()
    for entry, line in zip(made, lines[:-1], strict=True):
        if is_judged(entry):
            expected = expected_of(entry)
            assert_same(entry, line["facts"], expected)
            counts["refused" if expected is None else "read"] += 1
        else:
            counts["not compared"] += 1
    sys.stdout.write(f"{len(made):,} messages: {dict(counts)}; the engine had {memory / 1024:.0f} MiB\n")
    assert 20_000 < memory < MOST_MEMORY
    assert min(counts["read"], counts["refused"]) > len(made) // 20
    assert counts["not compared"] < len(made) / 2

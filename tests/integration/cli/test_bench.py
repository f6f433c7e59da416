"""`godot-marl bench`, on the real engine."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from click.testing import Result
from commands import run


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result, float]:
    out = tmp_path_factory.mktemp("runs") / "bench"
    begin = time.monotonic()
    return out, run("bench", "--quick", "--out", out), time.monotonic() - begin


@pytest.mark.godot
def test_quick_prints_the_table_and_the_ratios(measured: tuple[Path, Result, float]) -> None:
    out, result, seconds = measured
    assert result.exit_code == 0, result.output
    assert seconds < 60
    forms = ("no Python (ceiling)", "PettingZoo", "Gymnasium", "VectorEnv", "stable-baselines3")
    scenes = ("1 agent, 4 numbers", "16 agents, 4 numbers", "16 arenas, 4 numbers", "1 agent, images", "2 workers")
    for part in (*forms, *scenes, "of the ceiling", "not measured", "at least"):
        assert part in result.output
    for name in ("bench.json", "bench.png"):
        assert str(out / name) in result.output


@pytest.mark.godot
def test_quick_writes_figures_and_a_picture(measured: tuple[Path, Result, float]) -> None:
    out, _, _ = measured
    assert (out / "bench.png").read_bytes().startswith(b"\x89PNG")
    saved = json.loads((out / "bench.json").read_text())
    assert saved["machine"]["engine"].startswith("4.")
    assert {row["verdict"] for row in saved["ratios"]} == {"not measured"}
    by_form: dict[str, list[float]] = {}
    for measurement in saved["measurements"]:
        assert measurement["failure"] is None
        (figures,) = measurement["rounds"]
        per_step = measurement["agents_of_a_worker"] * measurement["workers"]
        assert figures["agent_steps"] >= figures["steps"] * per_step - per_step
        assert figures["seconds"] >= 0.25
        if measurement["form"] != "ceiling":
            by_form.setdefault(measurement["form"], []).append(measurement["share_of_ceiling"])
    assert set(by_form) == {"parallel", "gymnasium", "vector", "sb3"}
    # The ceiling is one: with two workers it shares the machine with nobody who waits.
    assert all(0 < share < 1.5 for shares in by_form.values() for share in shares)


@pytest.mark.godot
def test_memory_and_choices(tmp_path: Path) -> None:
    arguments = ("--agents", "2", "--form", "parallel", "--seconds", "0.05", "--rounds", "2", "--memory", "400")
    result = run("bench", *arguments, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    saved = json.loads((tmp_path / "bench.json").read_text())
    assert [(m["form"], len(m["rounds"])) for m in saved["measurements"]] == [("ceiling", 2), ("parallel", 2)]
    samples = saved["memory"]["samples"]
    assert samples[0]["steps"] == 0
    assert samples[-1]["steps"] == 400
    assert all(sample["game"] > 10 * 2**20 and sample["python"] > 10 * 2**20 for sample in samples)
    assert (tmp_path / "memory.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--agents", "1,many"), "'many' is no whole number above 0"),
        (("--form", "vector,tensor"), "'tensor' is none of parallel"),
        (("--form", "rival"), "Nothing can be measured"),
        (("--godot-rl-addon", "nowhere"), "The addon of Godot RL Agents is not here"),
    ],
)
def test_what_cannot_be_measured_is_said(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    result = run("bench", *arguments, "--out", tmp_path / "bench")
    assert result.exit_code != 0
    assert message in result.output
    assert not (tmp_path / "bench").exists()

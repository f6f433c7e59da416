"""`godot-marl bench`, on the real engine."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from click.testing import Result
from commands import run

from godot_marl.assets import paths


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
def test_quick_writes_timings_and_a_plot(measured: tuple[Path, Result, float]) -> None:
    out, _, _ = measured
    assert (out / "bench.png").read_bytes().startswith(b"\x89PNG")
    saved = json.loads((out / "bench.json").read_text())
    assert saved["machine"]["engine"].startswith("4.")
    assert {row["verdict"] for row in saved["ratios"]} == {"not measured"}
    by_form: dict[str, list[float]] = {}
    for measurement in saved["measurements"]:
        assert measurement["failure"] is None
        (timing,) = measurement["rounds"]
        per_step = measurement["agents_of_a_worker"] * measurement["workers"]
        assert timing["agent_steps"] >= timing["steps"] * per_step - per_step
        assert timing["seconds"] >= 0.25
        if measurement["form"] != "ceiling":
            by_form.setdefault(measurement["form"], []).append(measurement["share_of_ceiling"])
    assert set(by_form) == {"parallel", "gymnasium", "vector", "sb3"}
    # The ceiling of two workers has no Python beside it, so a form may come close to it.
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


@pytest.mark.godot
def test_a_wheel_measures_its_own_forms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "developer_benchmarks", lambda: None)
    result = run("bench", "--agents", "2", "--form", "vector", "--seconds", "0.05", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert "2 agents, 4 numbers" in result.output
    assert "The table of ratios is in a checkout of godot-marl only." in result.output
    saved = json.loads((tmp_path / "bench.json").read_text())
    assert [m["form"] for m in saved["measurements"]] == ["ceiling", "vector"]
    assert "ratios" not in saved


@pytest.mark.godot
@pytest.mark.parametrize(
    ("game", "options", "cases"),
    [
        ("cartpole", ("--quick",), [("PettingZoo", 1, 1), ("VectorEnv", 1, 1), ("VectorEnv", 4, 4)]),
        (
            "cartpole",
            ("--scene", "several_carts.tscn", "--form", "vector,sb3", "--copies", "2", "--workers", "2"),
            [("VectorEnv", 2, 16), ("stable-baselines3", 2, 16)],
        ),
        ("cartpole", ("--form", "gymnasium", "--rounds", "2"), [("Gymnasium", 1, 1)]),
        ("connect_four", ("--quick",), [("PettingZoo", 1, 2)]),
    ],
    ids=["default", "rows", "gymnasium", "turns"],
)
def test_a_game_of_the_users_is_measured(
    game: str, options: tuple[str, ...], cases: list[tuple[str, int, int]], tmp_path: Path
) -> None:
    result = run("bench", game, *options, "--seconds", "0.05", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    saved = json.loads((tmp_path / "bench.json").read_text())
    assert saved["game"] == game
    measured = saved["measurements"]
    assert [(m["copies"], m["agents"]) for m in measured] == [case[1:] for case in cases]
    for measurement, (label, *_) in zip(measured, cases, strict=True):
        assert label in result.output
        assert len(measurement["rounds"]) == saved["settings"]["rounds"]
        for timing in measurement["rounds"]:
            assert timing["steps"] > 0
            # Where the agents take turns, one of them acts in a step.
            acting = 1 if game == "connect_four" else measurement["agents"]
            assert 0 < timing["agent_steps"] <= timing["steps"] * acting


@pytest.mark.godot
def test_a_form_that_a_game_cannot_have_is_a_failure_with_the_reason(tmp_path: Path) -> None:
    result = run("bench", "tag", "--form", "parallel,vector", "--copies", "1", "--seconds", "0.05", "--out", tmp_path)
    assert result.exit_code == 1
    assert "not measured: VectorEnv, 1 arena: The agents of the scene do not share one policy" in result.output
    parallel, vector = json.loads((tmp_path / "bench.json").read_text())["measurements"]
    assert parallel["failure"] is None
    assert parallel["agent_steps_per_second"] > 0
    assert vector["agent_steps_per_second"] is None

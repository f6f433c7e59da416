"""`godot-marl doctor`, on the real engine."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
from pathlib import Path

import pytest
from commands import run
from doctor_report import doctor, states

from godot_marl.engine import Engine

pytestmark = pytest.mark.godot


def test_every_check_passes_on_a_working_machine(engine: Engine) -> None:
    result = run("doctor")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert f"ok       engine           {engine.version}, {engine.path} ({engine.source})" in lines
    packages = next(line for line in lines if line.startswith("ok       packages "))
    assert f"numpy {importlib.metadata.version('numpy')}" in packages
    for pattern in (
        r"ok       python           3\.\S+ \(.*\), Linux on \S+",
        r"ok       cache            .*, \d+\.\d GB free",
        r"ok       socket           127\.0\.0\.1 can be reached",
        r"ok       machine          \d+ processors?, \d+\.\d GB of memory",
        r"ok       display          .+",
        r"ok       start            .*cartpole, ready in \d+\.\d\d s",
        r"ok       connect          in \d+\.\d\d s, agents: cart_0",
        r"ok       step             \d+ us a step, over \d+ steps",
        r"ok       render           an image of 960x540, \d+\.\d\d s after the start",
        r"All is well, in \d+\.\d s",
    ):
        assert any(re.fullmatch(pattern, line) for line in lines), (pattern, result.stdout)


def test_a_scene_of_a_project_whose_agents_take_turns(scenes: Path) -> None:
    checks = doctor(scenes, "--scene", "turns.tscn", "--no-render", status=0)
    assert states(checks, "start", "connect", "step") == ["ok"] * 3
    assert "agents: player_0" in checks["connect"]["found"]
    assert {"render", "display"}.isdisjoint(checks)


@pytest.mark.parametrize(
    ("game", "said"), [("nowhere", "There is no such game."), (".", "There is no Godot project here.")]
)
def test_a_path_without_a_game_fails_at_the_start(tmp_path: Path, game: str, said: str) -> None:
    checks = doctor(tmp_path / game)
    assert states(checks) == ["failed", "skipped", "skipped", "skipped"]
    assert said in checks["start"]["found"]


def test_a_game_that_cannot_be_executed_fails_at_the_start(tmp_path: Path) -> None:
    game = tmp_path / "game"
    game.write_text("#!/nowhere/loader\n")
    game.chmod(0o755)
    checks = doctor(game)
    assert states(checks) == ["failed", "skipped", "skipped", "skipped"]
    assert "The game could not be started." in checks["start"]["found"]


def test_a_scene_that_cannot_be_used_fails_as_it_connects(scenes: Path) -> None:
    checks = doctor(scenes, "--scene", "no_agent.tscn")
    assert states(checks) == ["ok", "failed", "skipped", "skipped"]
    assert checks["connect"]["found"].startswith("The scene has no agent")


def test_a_script_that_fails_is_named_with_its_place(scenes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULT", "get_reward")
    checks = doctor(scenes, "--scene", "failing.tscn")
    assert states(checks) == ["ok", "ok", "failed", "ok"]
    assert "res://failing.gd:" in checks["step"]["found"]


def test_without_display_and_xvfb_only_the_picture_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    for program in ("sh", "readlink"):
        (tmp_path / program).symlink_to(str(shutil.which(program)))
    monkeypatch.setenv("PATH", str(tmp_path))
    result = run("doctor")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1].startswith("FAILED: render, in ")
    assert "missing  display          no DISPLAY, no WAYLAND_DISPLAY and no Xvfb" in result.stdout
    assert "what to do: install Xvfb: `apt-get install xvfb`, or your system's package" in result.stdout
    assert (
        "FAILED   render           This machine has no display, and no virtual one could be started." in result.stdout
    )
    assert states(doctor("--no-render", status=0), "start", "connect", "step") == ["ok"] * 3


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine) -> None:
    # Not by file modes, as the super-user may write everywhere.
    (tmp_path / "file").touch()
    monkeypatch.setenv("GODOT_MARL_CACHE", str(tmp_path / "file" / "cache"))
    checks = doctor("--engine", engine.path)
    assert "is not writable: Not a directory" in checks["cache"]["found"]
    assert "GODOT_MARL_CACHE" in checks["cache"]["remedy"]
    assert states(checks) == ["failed", "skipped", "skipped", "skipped"]
    assert str(tmp_path / "file") in checks["start"]["found"]

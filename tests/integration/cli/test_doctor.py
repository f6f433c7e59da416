"""`godot-marl doctor`, on the real engine and on machines where something is missing."""

from __future__ import annotations

import importlib.metadata
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import run

from godot_marl.engine import Engine

pytestmark = pytest.mark.godot

PARTS = ["start", "connect", "step", "render"]


def doctor(*arguments: str | Path, status: int = 1) -> dict[str, dict[str, Any]]:
    """The checks by name, from what scripts read."""
    result = run("doctor", *arguments, "--json")
    assert result.exit_code == status, result.output
    report = json.loads(result.stdout)
    assert report["ok"] == (status == 0)
    return {check.pop("name"): check for check in report["checks"]}


def states(checks: dict[str, dict[str, Any]], *names: str) -> list[str]:
    return [checks[name]["state"] for name in names or PARTS]


def test_a_machine_where_all_works(engine: Engine) -> None:
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
        r"ok       render           a frame of 960x540, \d+\.\d\d s after the start",
        r"All is well, in \d+\.\d s",
    ):
        assert any(re.fullmatch(pattern, line) for line in lines), (pattern, result.stdout)


def test_a_scene_of_a_project_whose_agents_take_turns(scenes: Path) -> None:
    checks = doctor(scenes, "--scene", "turns.tscn", "--no-render", status=0)
    assert states(checks, "start", "connect", "step") == ["ok"] * 3
    assert "agents: player_0" in checks["connect"]["found"]
    assert {"render", "display"}.isdisjoint(checks)


def test_without_an_engine_the_rest_is_looked_at_all_the_same(tmp_path: Path) -> None:
    checks = doctor("--engine", tmp_path / "nowhere")
    assert checks["engine"]["state"] == "failed"
    assert checks["engine"]["found"].startswith("The engine does not exist.\n")
    assert states(checks) == ["skipped"] * 4
    assert states(checks, "python", "packages", "cache", "socket", "machine") == ["ok"] * 5


def test_an_engine_is_never_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GODOT_MARL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("GODOT_MARL_ENGINE", raising=False)
    checks = doctor()
    assert "run `godot-marl engine install`" in checks["engine"]["found"]
    assert not (tmp_path / "cache" / "engine").exists()


@pytest.mark.parametrize(
    ("game", "said"), [("nowhere", "There is no such game."), (".", "There is no Godot project here.")]
)
def test_what_is_no_game_fails_at_the_start(tmp_path: Path, game: str, said: str) -> None:
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
    assert "cannot be written: Not a directory" in checks["cache"]["found"]
    assert "GODOT_MARL_CACHE" in checks["cache"]["remedy"]
    assert states(checks) == ["failed", "skipped", "skipped", "skipped"]
    assert str(tmp_path / "file") in checks["start"]["found"]


def test_packages_that_are_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    really = importlib.metadata.version

    def version(package: str) -> str:
        if package in ("websockets", "tensorboard"):
            raise importlib.metadata.PackageNotFoundError(package)
        return really(package)

    monkeypatch.setattr(importlib.metadata, "version", version)
    checks = doctor("--engine", tmp_path / "nowhere")
    assert states(checks, "packages", "extra sb3") == ["failed", "missing"]
    assert checks["packages"]["found"].startswith("without websockets; godot-marl ")
    assert checks["extra sb3"]["remedy"] == "pip install 'godot-marl[sb3]', if you want it"


def test_a_machine_without_a_loopback_address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("socket.create_server", refuse)
    checks = doctor("--engine", tmp_path / "nowhere")
    assert checks["socket"]["found"] == "127.0.0.1 cannot be reached: [Errno 1] Operation not permitted"


@pytest.mark.parametrize(
    ("variables", "found"),
    [({"DISPLAY": ":7"}, "DISPLAY=:7"), ({"DISPLAY": ":7", "WAYLAND_DISPLAY": "w"}, "WAYLAND_DISPLAY=w")],
)
def test_a_display_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variables: dict[str, str], found: str
) -> None:
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert doctor("--engine", tmp_path / "nowhere")["display"]["found"] == found


def test_another_system_has_a_display_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    from godot_marl.cli.health import check_display

    monkeypatch.setattr(sys, "platform", "darwin")
    assert check_display().found == "the system's own"

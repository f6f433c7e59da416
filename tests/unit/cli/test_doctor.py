"""`godot-marl doctor` on machines where something is missing."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

import pytest
from doctor_report import doctor, states


def test_without_an_engine_the_other_checks_still_run(tmp_path: Path) -> None:
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
    from godot_marl.cli.doctor_checks import check_display

    monkeypatch.setattr(sys, "platform", "darwin")
    assert check_display().found == "the system's display"

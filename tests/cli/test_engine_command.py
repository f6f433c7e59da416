"""`godot-marl engine`, with engines that are scripts."""

import pytest
from click.testing import CliRunner

from godot_marl.cli.engine import engine_command
from godot_marl.engine import Progress, _install
from godot_marl.errors import EngineInstallError, EngineNotFoundError

VERSION = "4.6.stable.official.a"


def godot(path, version=VERSION):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)
    return path


class FakeProvider:
    name = "a fake"

    def reason_unavailable(self):
        return None

    def install(self, folder, report):
        report(Progress("package lists"))
        for count in range(3):
            report(Progress("download", count, 2))
        return godot(folder / "godot")


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch):
    monkeypatch.delenv("GODOT_MARL_ENGINE", raising=False)
    monkeypatch.setenv("GODOT_MARL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(_install, "default_providers", lambda: [FakeProvider()])
    return tmp_path


def run(*arguments):
    # An error of ours must come out as it is: the group of all commands shows it.
    return CliRunner().invoke(engine_command, arguments, catch_exceptions=False)


def test_show(machine):
    path = godot(machine / "bin" / "godot")
    result = run()
    assert result.exit_code == 0
    assert result.stdout == f"path     {path}\nversion  {VERSION}\nsource   PATH\n"


@pytest.mark.parametrize("arguments", [(), ("path",)])
def test_none(machine, arguments):
    with pytest.raises(EngineNotFoundError, match="godot-marl engine install"):
        run(*arguments)


def test_path(machine):
    path = godot(machine / "bin" / "godot")
    assert run("path").stdout == f"{path}\n"


def test_install(machine):
    result = run("install")
    path = machine / "cache" / "engine" / "installed" / "godot"
    assert result.exit_code == 0
    assert result.stdout == f"Installed.\npath     {path}\nversion  {VERSION}\nsource   installed\n"
    assert result.stderr.splitlines()[0].startswith("Installing Godot for you")
    assert [line.split()[0] for line in result.stderr.splitlines()[1:]] == ["package", "download", "start"]
    again = run("install")
    assert again.stdout.startswith("There is an engine already: nothing to do.\n")
    assert again.stderr == ""
    assert run("path").stdout == f"{path}\n"


def test_force_says_what_comes_first(machine):
    path = godot(machine / "bin" / "godot")
    assert run("install").stdout.startswith("There is an engine already")
    result = run("install", "--force")
    assert result.stdout.startswith("Installed.\n")
    assert result.stdout.endswith(f"Note: {path} (PATH) comes first and is the one that will be used.\n")


def test_a_failure_comes_out(machine, monkeypatch):
    monkeypatch.setattr(_install, "default_providers", list)
    with pytest.raises(EngineInstallError, match="cannot install Godot on this machine"):
        run("install")


def test_help():
    result = run("--help")
    assert result.exit_code == 0
    assert "install" in result.stdout
    assert "GODOT_MARL_ENGINE" in result.stdout

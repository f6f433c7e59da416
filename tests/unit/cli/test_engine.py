"""`godot-marl engine`, with engines that are scripts."""

import pytest
from click.testing import CliRunner
from release_server import ReleaseServer, zipped

from godot_marl.cli import main
from godot_marl.engine import Progress, _install
from godot_marl.engine._official import OfficialProvider
from godot_marl.errors import EngineInstallError, EngineNotFoundError, InvalidOptionError

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
    # By `main`, from which commands inherit -h, and click keeps that in the command. --verbose raises errors.
    return CliRunner().invoke(main, ["--verbose", "engine", *arguments], catch_exceptions=False)


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
    assert result.stdout.endswith(f"Note: {path} (PATH) takes precedence and will be used.\n")


def test_a_version_comes_from_the_godot_project_and_replaces_another(machine, monkeypatch):
    with ReleaseServer() as server:
        monkeypatch.setenv("GODOT_MARL_ENGINE_URL", server.url)
        for version in ("4.6.1", "4.5"):
            name = OfficialProvider(version).archive
            script = f"#!/bin/sh\necho {version}.stable.official.a\n"
            server.site.publish(f"{version}-stable", {name: zipped({name.removesuffix(".zip"): script})})
        assert run("install").stdout.startswith("Installed.\n")
        for arguments in (["--version", "4.6.1"], ["--version", "4.5"], ["--provider", "official", "--version", "4.5"]):
            result = run("install", *arguments)
            assert f"version  {arguments[-1]}.stable.official.a\n" in result.stdout
        assert result.stdout.startswith("There is an engine already: nothing to do.\n")
        assert len(server.site.asked) == 2
        # Without an option, any engine will do.
        assert "version  4.5.stable.official.a\n" in run("install").stdout


@pytest.mark.parametrize(
    ("arguments", "where"),
    [(["--provider", "debian", "--version", "4.6"], "version"), (["--version", "4.4.1"], "version")],
)
def test_a_version_that_cannot_be_had(machine, arguments, where):
    with pytest.raises(InvalidOptionError) as caught:
        run("install", *arguments)
    assert caught.value.where == where


def test_an_unknown_provider_is_a_wrong_use(machine):
    result = run("install", "--provider", "ubuntu")
    assert result.exit_code == 2
    assert "'auto', 'debian', 'official'" in result.output


def test_a_failure_comes_out(machine, monkeypatch):
    monkeypatch.setattr(_install, "default_providers", list)
    with pytest.raises(EngineInstallError, match="cannot install Godot on this machine"):
        run("install")


def test_help():
    result = run("--help")
    assert result.exit_code == 0
    assert "install" in result.stdout
    assert "GODOT_MARL_ENGINE" in result.stdout

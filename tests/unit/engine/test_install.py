"""Installing is whole or not at all, and happens once."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from godot_marl.engine import Progress, _install, _manifest, ensure_engine, find_engine, install_engine
from godot_marl.errors import EngineInstallError, EngineNotFoundError

VERSION = "4.6.stable.official.a"


class FakeProvider:
    """Installs a script; a test can look, or fail, in the midst of it."""

    def __init__(self, name="a fake", reason=None, version=VERSION, midst=lambda _: None):
        self.name = name
        self.reason = reason
        self.version = version
        self.midst = midst
        self.count = 0

    def reason_unavailable(self):
        return self.reason

    def install(self, folder, report):
        self.count += 1
        report(Progress("unpack", 0, 1))
        path = folder / "bin" / "godot"
        path.parent.mkdir()
        path.write_text(f"#!/bin/sh\necho {self.version}\n")
        path.chmod(0o755)
        self.midst(folder)
        report(Progress("unpack", 1, 1))
        return path


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.delenv("GODOT_MARL_ENGINE", raising=False)
    monkeypatch.setenv("GODOT_MARL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path / "cache"


def names(cache):
    return sorted(path.name for path in (cache / "engine").iterdir())


def test_install_then_find(cache):
    provider = FakeProvider()
    told = []
    engine = install_engine(told.append, providers=[provider])
    assert engine == find_engine()
    assert (engine.source, engine.version) == ("installed", VERSION)
    assert engine.path == cache / "engine" / "installed" / "bin" / "godot"
    assert names(cache) == ["install.lock", "installed"]
    assert told == [
        Progress("unpack", 0, 1),
        Progress("unpack", 1, 1),
        Progress("start it once", 0, 1),
        Progress("start it once", 1, 1),
    ]
    assert install_engine(providers=[provider]) == engine
    assert provider.count == 1


def test_force_replaces(cache):
    install_engine(providers=[FakeProvider()])
    engine = install_engine(force=True, providers=[FakeProvider(version="4.7.stable.official.a")])
    assert find_engine() == engine
    assert engine.version_tuple == (4, 7, 0)
    assert names(cache) == ["install.lock", "installed"]


def test_ensure_installs_only_if_there_is_none(cache, monkeypatch):
    provider = FakeProvider()
    monkeypatch.setattr(_install, "default_providers", lambda: [provider])
    with pytest.raises(EngineNotFoundError):
        ensure_engine(cache / "named, but missing")
    assert provider.count == 0
    assert ensure_engine() == ensure_engine() == find_engine()
    assert provider.count == 1


@pytest.mark.parametrize("damage", ["no executable", "no manifest", "too old"])
def test_an_installed_engine_that_broke_is_replaced(cache, damage):
    engine = install_engine(providers=[FakeProvider()])
    if damage == "no executable":
        engine.path.unlink()
    elif damage == "no manifest":
        (_manifest.installed_folder() / "engine.json").unlink()
    else:
        engine.path.write_text("#!/bin/sh\necho 4.4.stable.official.a\n")
    with pytest.raises(EngineNotFoundError):
        find_engine()
    assert install_engine(providers=[FakeProvider()]) == find_engine() == engine


def test_the_first_provider_that_fits(cache):
    providers = [FakeProvider("one", "no apt"), FakeProvider("two"), FakeProvider("three")]
    install_engine(providers=providers)
    assert [provider.count for provider in providers] == [0, 1, 0]


def test_no_provider_fits(cache):
    with pytest.raises(EngineInstallError) as caught:
        install_engine(providers=[FakeProvider("one", "no apt"), FakeProvider("two", "no net")])
    assert caught.value.got == "one: no apt; two: no net"
    assert "download the editor of Godot 4.5 or newer from godotengine.org" in caught.value.remedy
    assert "GODOT_MARL_ENGINE" in caught.value.remedy
    assert names(cache) == ["install.lock"]


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), EngineInstallError("apt failed"), RuntimeError("a bug")])
def test_a_failure_leaves_nothing(cache, failure):
    def midst(folder):
        assert not _manifest.installed_folder().exists()
        raise failure

    with pytest.raises(type(failure)):
        install_engine(providers=[FakeProvider(midst=midst)])
    assert names(cache) == ["install.lock"]
    assert install_engine(providers=[FakeProvider()]) == find_engine()


def test_a_failing_force_keeps_the_old_one(cache):
    def midst(folder):
        raise EngineInstallError("apt failed")

    engine = install_engine(providers=[FakeProvider()])
    with pytest.raises(EngineInstallError):
        install_engine(force=True, providers=[FakeProvider(midst=midst)])
    assert find_engine() == engine
    assert names(cache) == ["install.lock", "installed"]


@pytest.mark.parametrize(
    ("version", "said"), [("4.4.stable.official.a", "too old"), ("error while loading", "not a Godot engine")]
)
def test_what_does_not_start_is_not_installed(cache, version, said):
    with pytest.raises(EngineInstallError, match=said) as caught:
        install_engine(providers=[FakeProvider(version=version)])
    assert version in caught.value.got
    assert names(cache) == ["install.lock"]


def test_a_full_disk_leaves_no_incomplete_installation(cache):
    def midst(folder):
        raise OSError(28, "No space left on device")

    with pytest.raises(EngineInstallError, match="No space left on device") as caught:
        install_engine(providers=[FakeProvider(midst=midst)])
    assert "GODOT_MARL_CACHE" in caught.value.remedy
    assert names(cache) == ["install.lock"]


def test_a_cache_that_cannot_be_made(cache):
    cache.write_text("a file is in the way")
    with pytest.raises(EngineInstallError, match="could not be installed"):
        install_engine(providers=[FakeProvider()])


# A process that stops in the middle of the installation, says so, and goes on at a line of input.
CHILD = """
import sys
sys.path.insert(0, sys.argv[1])
from test_install import FakeProvider
from godot_marl.engine import install_engine

def midst(folder):
    print("in the midst", flush=True)
    sys.stdin.readline()

def told(progress):
    if progress.stage.startswith("wait"):
        print("waiting", flush=True)

provider = FakeProvider(midst=midst)
print(install_engine(told, providers=[provider]).path, provider.count, flush=True)
"""


@pytest.fixture
def child():
    children = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(Path(__file__).parent)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        children.append(process)
        return process

    yield start
    for process in children:
        process.kill()
        process.communicate()


def test_a_killed_installation_is_not_found_and_can_be_repeated(cache, child):
    process = child()
    assert process.stdout.readline() == "in the midst\n"
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    remains = names(cache)
    assert [bool(re.match(r"\.installing-", name)) for name in remains] == [True, False]
    with pytest.raises(EngineNotFoundError, match="none at any of these places"):
        find_engine()
    assert install_engine(providers=[FakeProvider()]) == find_engine()
    assert names(cache) == ["install.lock", "installed"]


def test_an_interrupted_installation_leaves_nothing(cache, child):
    process = child()
    assert process.stdout.readline() == "in the midst\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(30) != 0
    assert names(cache) == ["install.lock"]


def test_two_installations_at_once_are_one(cache, child):
    first = child()
    assert first.stdout.readline() == "in the midst\n"
    second = child()
    assert second.stdout.readline() == "waiting\n"
    out, _ = first.communicate("\n", timeout=30)
    path = cache / "engine" / "installed" / "bin" / "godot"
    assert out == f"{path} 1\n"
    # The second was never in the midst: it took what the first had installed.
    out, _ = second.communicate(timeout=30)
    assert out == f"{path} 0\n"


def test_the_second_goes_on_if_the_first_is_killed(cache, child):
    first = child()
    assert first.stdout.readline() == "in the midst\n"
    second = child()
    assert second.stdout.readline() == "waiting\n"
    first.kill()
    assert second.stdout.readline() == "in the midst\n"
    out, _ = second.communicate("\n", timeout=30)
    assert out.endswith("installed/bin/godot 1\n")
    assert names(cache) == ["install.lock", "installed"]


def test_waiting_has_an_end(cache, child, monkeypatch):
    first = child()
    assert first.stdout.readline() == "in the midst\n"
    monkeypatch.setattr(_install, "_LOCK_TIMEOUT", 0.2)
    with pytest.raises(EngineInstallError, match="for too long"):
        install_engine(providers=[FakeProvider()])

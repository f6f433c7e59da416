"""Which engine is taken, and what the errors say."""

import os
import pickle
import time
from pathlib import Path

import pytest
from processes import becomes_true

from godot_marl.assets.cache import cache_dir
from godot_marl.engine import Engine, _find, _manifest, ensure_engine, find_engine
from godot_marl.engine._model import parse_version
from godot_marl.errors import EngineNotFoundError, EngineVersionError

NEW = "4.6.3.stable.debian4.6.3+ds-2"


def script(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def godot(path: Path, version: str = NEW) -> Path:
    return script(path, f'[ "$1" = --version ] && echo "{version}"')


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch):
    """A machine with nothing but the cache folder `cache` and the PATH `bin`, which is followed by /bin for sh."""
    monkeypatch.delenv("GODOT_MARL_ENGINE", raising=False)
    monkeypatch.setenv("GODOT_MARL_CACHE", str(tmp_path / "cache"))
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def install(machine: Path, version: str = NEW) -> Path:
    folder = _manifest.installed_folder()
    path = godot(folder / "bin" / "godot", version)
    _manifest.write(folder, path, provider="a test", version=version)
    return path


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (NEW, (4, 6, 3)),
        ("4.5.stable.official.876b29033", (4, 5, 0)),
        ("4.10.2.stable.mono.official.abc", (4, 10, 2)),
        ("4.5.beta1.official.46c495ca2", (4, 5, 0)),
        ("3.2.3.stable.debian", (3, 2, 3)),
        ("4.5.stable", (4, 5, 0)),
        ("Python 3.11.2", None),
        ("3.11.2", None),
        ("ls (GNU coreutils) 9.1", None),
        ("", None),
    ],
)
def test_versions(text, version):
    assert parse_version(text) == version


def test_order_option_variable_path_installed(machine, monkeypatch):
    option = godot(machine / "option" / "g", "4.5.stable.official.a")
    variable = godot(machine / "variable" / "g", "4.5.1.stable.official.a")
    on_path = godot(machine / "bin" / "godot", "4.5.2.stable.official.a")
    installed = install(machine, "4.5.3.stable.official.a")
    monkeypatch.setenv("GODOT_MARL_ENGINE", str(variable))
    assert find_engine(option) == Engine(option, "4.5.stable.official.a", "option")
    assert find_engine() == Engine(variable, "4.5.1.stable.official.a", "GODOT_MARL_ENGINE")
    monkeypatch.setenv("GODOT_MARL_ENGINE", "")
    assert find_engine() == Engine(on_path, "4.5.2.stable.official.a", "PATH")
    on_path.unlink()
    assert find_engine() == Engine(installed, "4.5.3.stable.official.a", "installed")
    assert find_engine().version_tuple == (4, 5, 3)
    assert ensure_engine() == find_engine()


def test_names_on_path(machine, monkeypatch):
    other = machine / "other"
    monkeypatch.setenv("PATH", os.pathsep.join([str(machine / "none"), str(machine / "bin"), "", str(other)]))
    godot(machine / "Godot_in_the_current_folder")
    newest = godot(machine / "bin" / "Godot_v4.10-stable_linux.x86_64", "4.10.stable.official.a")
    godot(machine / "bin" / "Godot_v4.9-stable_linux.x86_64", "4.9.stable.official.a")
    (machine / "bin" / "Godot_v4.11.zip").write_text("not executable")
    (machine / "bin" / "Godot_v4.12").mkdir()
    assert find_engine().path == newest
    godot4 = godot(other / "godot4")
    assert find_engine().path == godot4
    plain = godot(other / "godot")
    assert find_engine().path == plain


def test_a_relative_entry_of_path_gives_an_absolute_engine(machine, monkeypatch):
    monkeypatch.setenv("PATH", "bin")
    path = godot(machine / "bin" / "godot")
    assert find_engine().path == path


def test_a_folder_on_path_that_may_not_be_read(machine, monkeypatch):
    path = godot(machine / "bin" / "godot4")
    real = os.stat

    def stat(name, *args, **kwargs):
        if "secret" in str(name):
            raise PermissionError(13, "Permission denied")
        return real(name, *args, **kwargs)

    monkeypatch.setenv("PATH", f"{machine / 'secret'}:{machine / 'bin'}")
    monkeypatch.setattr(os, "stat", stat)  # root may read everything, so that a mode would show nothing
    assert find_engine().path == path


def test_named_in_other_ways(machine, monkeypatch):
    path = godot(machine / "bin" / "my-godot")
    assert find_engine("my-godot").path == path
    assert find_engine("bin/my-godot").path == path
    monkeypatch.setenv("HOME", str(machine))
    assert find_engine("~/bin/my-godot").path == path
    link = machine / "link"
    link.symlink_to(path)
    assert find_engine(link).path == link
    bundle = godot(machine / "Godot.app" / "Contents" / "MacOS" / "Godot")
    assert find_engine(machine / "Godot.app").path == bundle


def test_the_error_lists_the_candidates_on_path_that_were_passed_over(machine, monkeypatch):
    monkeypatch.setenv("PATH", f"{machine / 'bin'}:{machine / 'more'}")
    old = godot(machine / "bin" / "godot", "3.2.3.stable.debian")
    broken = script(machine / "more" / "godot", "echo 'cannot open libGL.so' >&2; exit 127")
    garbage = machine / "bin" / "godot4"
    garbage.write_bytes(b"\x7fELF nonsense")
    garbage.chmod(0o755)
    with pytest.raises(EngineNotFoundError) as caught:
        find_engine()
    error = caught.value
    assert "godot-marl engine install" in error.remedy
    assert f"{old}: This engine is too old (3.2.3.stable.debian)" in error.got
    assert f"{broken}: This is not a Godot engine (exit status 127" in error.got
    assert "cannot open libGL.so" in error.got
    assert f"{garbage}: This engine cannot be started (Exec format error)" in error.got
    good = godot(machine / "more" / "godot4")
    assert find_engine().path == good


def test_nothing_anywhere(machine):
    with pytest.raises(EngineNotFoundError) as caught:
        find_engine()
    assert str(caught.value).splitlines() == [
        "No Godot engine was found.",
        "  where: the engine= option, GODOT_MARL_ENGINE, godot, godot4 and Godot* on PATH, "
        f"{machine / 'cache' / 'engine' / 'installed'}",
        "  expected: Godot 4.5 or newer",
        "  got: none at any of these places",
        "  what to do: run `godot-marl engine install`, or download the editor of Godot 4.5 or newer from "
        "godotengine.org, then put it on PATH as `godot`, or set the environment variable GODOT_MARL_ENGINE to its "
        "path",
    ]
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - our own bytes


@pytest.mark.parametrize("by", ["option", "variable"])
@pytest.mark.parametrize("find", [find_engine, ensure_engine])
def test_a_named_engine_is_used_or_is_an_error(machine, monkeypatch, by, find):
    godot(machine / "bin" / "godot")
    install(machine)

    def named(path):
        if by == "option":
            return find(path)
        monkeypatch.setenv("GODOT_MARL_ENGINE", str(path))
        return find()

    where = {"option": "the engine= option", "variable": "the environment variable GODOT_MARL_ENGINE"}[by]
    missing = machine / "missing"
    with pytest.raises(EngineNotFoundError) as caught:
        named(missing)
    assert caught.value.where == f"{missing} ({where})"
    assert caught.value.got == "there is no such file"
    with pytest.raises(EngineNotFoundError, match="a folder"):
        named(machine)
    text = machine / "text"
    text.write_text("no program")
    with pytest.raises(EngineNotFoundError, match="Permission denied"):
        named(text)
    with pytest.raises(EngineVersionError) as caught:
        named(godot(machine / "old", "4.4.1.stable.official.49a5bc7b6"))
    assert caught.value.what == "This engine is too old."
    assert caught.value.expected == "Godot 4.5 or newer"
    assert caught.value.got == "4.4.1.stable.official.49a5bc7b6"
    assert "Godot 4.5 or newer" in caught.value.remedy
    with pytest.raises(EngineVersionError, match=r"with the output: Python 3\.11\.2"):
        named(godot(machine / "other", "Python 3.11.2"))
    with pytest.raises(EngineVersionError, match="exit status 0 for --version, with the output: nothing"):
        named(script(machine / "silent", "exit 0"))


def test_a_version_counts_whatever_the_exit_status_and_the_other_lines(machine):
    path = script(machine / "g", "echo warning: something; echo 4.5.stable.official.a; exit 255")
    assert find_engine(path).version == "4.5.stable.official.a"


def test_an_engine_that_hangs_is_ended_with_its_child_processes(machine, monkeypatch):
    monkeypatch.setattr(_find, "_VERSION_TIMEOUT", 0.5)
    monkeypatch.setenv("PATH", f"{machine / 'bin'}:/usr/bin:/bin")
    pid = machine / "pid"
    # The child keeps the output open, as a wrapper script's would.
    hanging = script(machine / "hanging", f"sleep 600 & echo $! > {pid}; wait")
    start = time.monotonic()
    with pytest.raises(EngineVersionError, match=r"no output for --version within 0\.5 s"):
        find_engine(hanging)
    assert time.monotonic() - start < 10
    assert becomes_true(lambda: is_over(int(pid.read_text())))


def is_over(pid: int) -> bool:
    """Whether a process is gone, or a zombie that its new parent has not collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_an_installed_engine_that_broke(machine):
    path = install(machine)
    path.unlink()
    with pytest.raises(EngineNotFoundError, match="The engine does not exist"):
        find_engine()
    (_manifest.installed_folder() / "engine.json").write_text("{")
    with pytest.raises(EngineNotFoundError, match="The installed engine is damaged"):
        find_engine()


def test_cache_dir(machine, monkeypatch):
    assert cache_dir() == machine / "cache"
    monkeypatch.setenv("GODOT_MARL_CACHE", "relative")
    assert cache_dir() == machine / "relative"
    monkeypatch.delenv("GODOT_MARL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(machine / "xdg"))
    monkeypatch.setenv("HOME", str(machine))
    assert cache_dir().name == "godot-marl"
    assert cache_dir().is_relative_to(machine)

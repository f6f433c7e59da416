"""The provider of the Godot project's own releases, against a web server on this machine."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from release_server import ReleaseServer, Site, joined, zipped
from releases import GODOT, LINUX, RELEASE, VERSION, failure, files, install, provider

from godot_marl.engine import Progress, choose_providers, find_engine
from godot_marl.engine._debian import DebianProvider
from godot_marl.engine._official import DEFAULT_VERSION, OfficialProvider
from godot_marl.errors import InvalidOptionError


@pytest.fixture(autouse=True)
def cache(official_cache: Path) -> Path:
    return official_cache


# -- Which file, and what is in it -------------------------------------------------------------------------------------

MACHINES = {
    ("Linux", "x86_64"): ("linux.x86_64.zip", ["Godot_v4.6.1-stable_linux.x86_64"], 0),
    ("Linux", "aarch64"): ("linux.arm64.zip", ["Godot_v4.6.1-stable_linux.arm64"], 0),
    ("Windows", "AMD64"): (
        "win64.exe.zip",
        ["Godot_v4.6.1-stable_win64.exe", "Godot_v4.6.1-stable_win64_console.exe"],
        1,
    ),
    ("Windows", "ARM64"): (
        "windows_arm64.exe.zip",
        ["Godot_v4.6.1-stable_windows_arm64.exe", "Godot_v4.6.1-stable_windows_arm64_console.exe"],
        1,
    ),
    ("Darwin", "arm64"): (
        "macos.universal.zip",
        ["Godot.app/Contents/Info.plist", "Godot.app/Contents/MacOS/Godot"],
        1,
    ),
    ("Darwin", "x86_64"): ("macos.universal.zip", ["Godot.app/Contents/MacOS/Godot"], 0),
}


@pytest.mark.parametrize(("system", "machine"), MACHINES)
@pytest.mark.parametrize("mode", [0o755, 0], ids=["with modes", "without modes"])
def test_each_kind_of_machine_gets_its_archive_and_its_executable(
    server: ReleaseServer, cache: Path, system: str, machine: str, mode: int
) -> None:
    ending, names, executable = MACHINES[system, machine]
    server.site.publish(RELEASE, {f"Godot_v{RELEASE}_{ending}": zipped(dict.fromkeys(names, GODOT), mode)})
    engine = install(providers=[provider(system=system, machine=machine)])
    assert engine.path == cache / "installed" / names[executable]
    assert (engine.version, engine.source) == (VERSION, "installed")
    assert find_engine() == engine
    assert files(cache) == sorted(["install.lock", "installed/engine.json", *(f"installed/{name}" for name in names)])


def test_a_windows_archive_without_the_console_program_has_the_other(server: ReleaseServer) -> None:
    server.site.publish(RELEASE, {f"Godot_v{RELEASE}_win64.exe.zip": zipped({f"Godot_v{RELEASE}_win64.exe": GODOT})})
    assert install(providers=[provider(system="Windows")]).path.name == f"Godot_v{RELEASE}_win64.exe"


def test_links_inside_an_archive_are_links(server: ReleaseServer) -> None:
    link = zipped({"Godot.app/Contents/Current": "MacOS/../MacOS"}, 0o120777)
    archive = joined(zipped({"Godot.app/Contents/MacOS/Godot": GODOT}), link)
    server.site.publish(RELEASE, {f"Godot_v{RELEASE}_macos.universal.zip": archive})
    engine = install(providers=[provider(system="Darwin")])
    assert os.readlink(engine.path.parents[1] / "Current") == "MacOS/../MacOS"


@pytest.mark.parametrize(("system", "machine"), [("FreeBSD", "x86_64"), ("Linux", "riscv64"), ("Windows", "ia64")])
def test_a_machine_without_builds_is_an_error(system: str, machine: str) -> None:
    error = failure(providers=[provider(system=system, machine=machine)])
    assert f"there is no build for {system.lower()} on {machine}" in str(error.got)


@pytest.mark.parametrize(
    ("version", "release"),
    [
        ("4.6.1", "4.6.1-stable"),
        ("4.6", "4.6-stable"),
        ("4.6.0", "4.6-stable"),
        ("4.10.12-stable", "4.10.12-stable"),
        ("4.7-rc1", "4.7-rc1"),
        ("5.0", "5.0-stable"),
    ],
)
def test_versions_and_the_names_of_their_releases(version: str, release: str) -> None:
    assert provider(version).release == release


@pytest.mark.parametrize("version", ["4.4.1", "3.6", "latest", "4", "", "4.6.1/../x", "v4.6"])
def test_an_invalid_or_old_version_is_an_error(version: str) -> None:
    with pytest.raises(InvalidOptionError) as caught:
        provider(version)
    assert caught.value.got == repr(version)
    assert "https://godotengine.org/download/archive/" in str(caught.value.remedy)


def test_the_site_is_the_projects_own_unless_a_mirror_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GODOT_MARL_ENGINE_URL")
    address = f"https://github.com/godotengine/godot-builds/releases/download/{RELEASE}/{LINUX}"
    assert provider()._url(LINUX) == address
    assert provider(base_url="http://mirror.invalid/")._url("a") == f"http://mirror.invalid/{RELEASE}/a"
    monkeypatch.setenv("GODOT_MARL_ENGINE_URL", "/etc/passwd")
    with pytest.raises(InvalidOptionError, match="GODOT_MARL_ENGINE_URL"):
        provider()


# -- A good download ---------------------------------------------------------------------------------------------------


def test_the_progress_reports(site: Site) -> None:
    told: list[Progress] = []
    install(told)
    assert told == [
        Progress("published checksums"),
        Progress("download [MB]", 0, 3),
        Progress("download [MB]", 1, 3),
        Progress("download [MB]", 2, 3),
        Progress("download [MB]", 3, 3),
        Progress("unpack", 0, 2),
        Progress("unpack", 1, 2),
        Progress("unpack", 2, 2),
        Progress("start it once", 0, 1),
        Progress("start it once", 1, 1),
    ]


def test_only_another_version_replaces_the_installed_one_when_one_is_named(site: Site) -> None:
    newer = "Godot_v4.7-stable_linux.x86_64"
    site.publish("4.7-stable", {f"{newer}.zip": zipped({newer: GODOT.replace("4.6.1", "4.7")})})
    one = install()
    assert install(providers=[provider("4.7")]) == one
    assert install(only_from=True) == one
    assert len(site.asked) == 1
    assert install(providers=[provider("4.7")], only_from=True).version_tuple == (4, 7, 0)
    assert install(only_from=True) == one


def test_a_digest_may_be_marked_as_binary_and_written_in_capitals(site: Site) -> None:
    digest = hashlib.sha512(site.files[f"/{RELEASE}/{LINUX}"]).hexdigest().upper()
    site.files[f"/{RELEASE}/SHA512-SUMS.txt"] = f"{'0' * 128}  other.zip\r\n{digest} *{LINUX}\r\n".encode()
    assert install().version == VERSION


# -- The choice --------------------------------------------------------------------------------------------------------


def test_debian_comes_first_and_a_version_means_the_project() -> None:
    assert [type(one) for one in choose_providers()] == [DebianProvider, OfficialProvider]
    assert [type(one) for one in choose_providers("debian")] == [DebianProvider]
    assert [one.name for one in choose_providers("official")] == [
        f"the Godot project's release {DEFAULT_VERSION}-stable"
    ]
    assert [one.name for one in choose_providers("auto", "4.5.1")] == ["the Godot project's release 4.5.1-stable"]
    with pytest.raises(InvalidOptionError, match="one version of Godot"):
        choose_providers("debian", "4.5.1")


def test_the_first_available_provider_is_chosen(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DebianProvider, "reason_unavailable", lambda _: "this is not Linux")
    assert install(providers=[DebianProvider(), provider()]).version == VERSION

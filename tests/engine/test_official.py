"""The provider of the Godot project's own releases, against a web server on this machine."""

from __future__ import annotations

import hashlib
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from release_server import Fault, ReleaseServer, Site, joined, zipped

from godot_marl.engine import Engine, Progress, _download, choose_providers, find_engine, install_engine
from godot_marl.engine._debian import DebianProvider
from godot_marl.engine._official import DEFAULT_VERSION, OfficialProvider
from godot_marl.envs import cartpole_v0
from godot_marl.errors import EngineInstallError, GodotMarlError, InvalidOptionError

VERSION = "4.6.1.stable.official.a"
GODOT = f"#!/bin/sh\necho {VERSION}\n"
RELEASE = "4.6.1-stable"
LINUX = f"Godot_v{RELEASE}_linux.x86_64.zip"
# Does not get smaller when it is compressed.
BALLAST = hashlib.shake_128(b"ballast").digest(2_500_000)


@pytest.fixture
def server() -> Iterator[ReleaseServer]:
    with ReleaseServer() as server:
        yield server


@pytest.fixture
def site(server: ReleaseServer) -> Site:
    server.site.publish(RELEASE, {LINUX: zipped({LINUX.removesuffix(".zip"): GODOT, "ballast": BALLAST})})
    return server.site


@pytest.fixture(autouse=True)
def cache(server: ReleaseServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("GODOT_MARL_ENGINE", raising=False)
    monkeypatch.setenv("GODOT_MARL_ENGINE_URL", server.url)
    monkeypatch.setenv("GODOT_MARL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(_download, "_PAUSES", (0.0, 0.0))
    return tmp_path / "cache" / "engine"


def provider(version: str = "4.6.1", **machine: str) -> OfficialProvider:
    return OfficialProvider(version, **({"system": "Linux", "machine": "x86_64"} | machine))


def install(told: list[Progress] | None = None, **options: Any) -> Engine:
    report = None if told is None else told.append
    return install_engine(report, **({"providers": [provider()]} | options))


def failure(kind: type[GodotMarlError] = EngineInstallError, **options: Any) -> GodotMarlError:
    with pytest.raises(kind) as caught:
        install(**options)
    return caught.value


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


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
def test_a_machine_without_builds_is_told_so(system: str, machine: str) -> None:
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
def test_a_version_that_is_none_or_too_old_is_refused(version: str) -> None:
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


def test_what_is_told(site: Site) -> None:
    told: list[Progress] = []
    install(told)
    assert told == [
        Progress("published sums"),
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


# -- Downloads that break ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [Fault(ends_after=1_000_000), Fault(status=503)], ids=["cut", "503"])
def test_a_broken_transfer_is_tried_again_and_goes_on_where_it_stopped(site: Site, fault: Fault) -> None:
    site.faults = [fault]
    assert install().version == VERSION
    assert site.asked == [None, "bytes=1000000-" if fault.ends_after else None]


def test_a_later_installation_goes_on_with_the_part_of_an_earlier_one(site: Site, cache: Path) -> None:
    site.faults = [Fault(ends_after=1_000_000), Fault(ends_after=500_000), Fault(ends_after=0)]
    error = failure()
    assert error.what == "A download broke off."
    assert error.got == f"the connection ended after 1500000 of {_length(site)} bytes, in 3 tries"
    assert "goes on where it stopped" in str(error.remedy)
    assert (cache / "downloads" / f"{LINUX}.part").stat().st_size == 1_500_000
    assert not (cache / "installed").exists()
    told: list[Progress] = []
    assert install(told).version == VERSION
    assert Progress("download [MB]", 1, 3) == told[1]
    assert site.asked == [None, "bytes=1000000-", "bytes=1500000-", "bytes=1500000-"]
    assert files(cache / "downloads") == []


@pytest.mark.parametrize("reason", ["no ranges", "no tags", "another file by now"])
def test_a_server_that_cannot_send_the_rest_sends_all_of_it(site: Site, reason: str) -> None:
    site.knows_range = reason != "no ranges"
    site.has_tags = reason != "no tags"
    site.faults = [Fault(ends_after=400_000)] * 3
    failure()
    if reason == "another file by now":
        site.publish(RELEASE, {LINUX: zipped({LINUX.removesuffix(".zip"): GODOT, "ballast": BALLAST[::-1]})})
    assert install().version == VERSION


def test_a_part_that_is_longer_than_the_file_is_thrown_away(site: Site, cache: Path) -> None:
    site.faults = [Fault(ends_after=400_000)] * 3
    failure()
    with (cache / "downloads" / f"{LINUX}.part").open("ab") as part:
        part.write(bytes(9_000_000))
    assert install().version == VERSION


def test_an_archive_that_is_there_already_is_not_downloaded_again(site: Site, cache: Path) -> None:
    (cache / "downloads").mkdir(parents=True)
    (cache / "downloads" / f"{LINUX}.part").write_bytes(site.files[f"/{RELEASE}/{LINUX}"])
    (cache / "downloads" / "Godot_v4.5-stable_linux.x86_64.zip.part").write_bytes(b"of another version")
    assert install().version == VERSION
    assert site.asked == []
    assert files(cache / "downloads") == []


def test_a_wrong_sum_installs_nothing_and_keeps_nothing(site: Site, cache: Path) -> None:
    site.files[f"/{RELEASE}/SHA512-SUMS.txt"] = f"{'ab' * 64}  {LINUX}\n".encode()
    error = failure()
    digest = hashlib.sha512(site.files[f"/{RELEASE}/{LINUX}"]).hexdigest()
    assert (error.expected, error.got) == (f"SHA-512 {'ab' * 64}", f"SHA-512 {digest}")
    assert files(cache) == ["install.lock"]


def test_a_failure_leaves_the_engine_that_was_there(site: Site) -> None:
    engine = install()
    site.files[f"/{RELEASE}/SHA512-SUMS.txt"] = f"{'ab' * 64}  {LINUX}\n".encode()
    failure(force=True)
    assert find_engine() == engine


@pytest.mark.parametrize("sums", ["", f"abc  {LINUX}\n", f"{'ab' * 64}  x{LINUX}\n"], ids=["empty", "short", "other"])
def test_an_archive_without_published_sum_is_not_downloaded(site: Site, sums: str) -> None:
    site.files[f"/{RELEASE}/SHA512-SUMS.txt"] = sums.encode()
    assert failure().expected == f"a line for {LINUX}"
    assert site.asked == []


def test_a_release_that_there_is_not_says_where_the_versions_are(server: ReleaseServer) -> None:
    error = failure(providers=[provider("4.99")])
    assert error.what == "There is no Godot release 4.99-stable."
    assert error.where == f"{server.url}/4.99-stable/SHA512-SUMS.txt"
    assert error.got == "HTTP status 404 (Not Found)"
    assert "https://godotengine.org/download/archive/" in str(error.remedy)


def test_a_server_that_refuses_is_asked_once(site: Site) -> None:
    site.faults = [Fault(status=403)]
    assert failure().got == "HTTP status 403 (Forbidden)"
    assert len(site.asked) == 1


def test_no_server_is_a_broken_download(server: ReleaseServer, tmp_path: Path) -> None:
    with ReleaseServer() as gone:
        url = gone.url
    error = failure(providers=[provider(base_url=url)])
    assert "ConnectionRefusedError" in str(error.got)
    assert str(error.got).endswith("in 3 tries")


def test_a_server_that_falls_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_download, "_STALL_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = failure(providers=[provider(base_url=f"http://127.0.0.1:{silent.getsockname()[1]}")])
    assert "timed out" in str(error.got)


# -- Archives that are not what they should be -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "/outside", "C:/outside", "a\\..\\outside"])
def test_nothing_is_written_outside_the_folder(server: ReleaseServer, cache: Path, name: str) -> None:
    server.site.publish(RELEASE, {LINUX: zipped({LINUX.removesuffix(".zip"): GODOT, name: "x"})})
    error = failure()
    assert error.got == repr(name)
    assert list(cache.parent.parent.rglob("*outside*")) == []


@pytest.mark.parametrize("aim", ["../outside", "/etc"])
def test_no_link_leads_outside_the_folder(server: ReleaseServer, aim: str) -> None:
    server.site.publish(RELEASE, {LINUX: zipped({"link": aim}, 0o120777)})
    assert "outside its folder" in failure().what


def test_an_archive_of_something_else_is_refused(server: ReleaseServer, cache: Path) -> None:
    server.site.publish(RELEASE, {LINUX: zipped({"README": "x"})})
    error = failure()
    assert (error.expected, error.got) == (LINUX.removesuffix(".zip"), "README")
    assert not (cache / "installed").exists()


def test_what_is_no_archive_is_refused(server: ReleaseServer) -> None:
    server.site.publish(RELEASE, {LINUX: b"<html>Sorry</html>"})
    assert failure().what == "The archive cannot be unpacked."


def test_an_engine_that_does_not_start_here_is_not_installed(server: ReleaseServer, cache: Path) -> None:
    server.site.publish(RELEASE, {LINUX: zipped({LINUX.removesuffix(".zip"): "#!/nowhere/loader\n"})})
    assert "does not work on this machine" in failure().what
    assert not (cache / "installed").exists()


# -- A full disk -------------------------------------------------------------------------------------------------------

# A file system of its own with no room; where none can be mounted, a limit on the length of files.
ON_A_FULL_DISK = """
import sys
from godot_marl.engine import install_engine
from godot_marl.engine._official import OfficialProvider
from godot_marl.errors import EngineInstallError
try:
    install_engine(providers=[OfficialProvider("4.6.1", system="Linux", machine="x86_64")])
except EngineInstallError as error:
    print(error)
"""


@pytest.mark.parametrize("room", [1_000_000, 3_500_000], ids=["downloading", "unpacking"])
def test_a_full_disk_is_a_clear_error_and_nothing_looks_installed(site: Site, tmp_path: Path, room: int) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f"mount -t tmpfs -o size={room} tmpfs {shlex.quote(str(disk))}"
    own = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    if subprocess.run([*own, mount], capture_output=True, check=False).returncode == 0:
        script = f'{mount} && "$@"; find {shlex.quote(str(disk))} -type f'
    else:
        own, script = ["sh", "-c"], f'(ulimit -f {room // 1024}; "$@"); find {shlex.quote(str(disk))} -type f'
    done = subprocess.run(
        [*own, script, "sh", sys.executable, "-c", ON_A_FULL_DISK],
        env=os.environ | {"GODOT_MARL_CACHE": str(disk), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("The engine could not be installed.\n"), done.stderr
    assert "No space left on device" in done.stdout or "File too large" in done.stdout
    assert "make room, or set the environment variable GODOT_MARL_CACHE" in done.stdout
    left = [Path(line).name for line in done.stdout.splitlines() if line.startswith(str(disk))]
    assert left == ["install.lock"] if room < 2_500_000 else sorted(left) == [f"{LINUX}.part", "install.lock"]


# -- The real engine in an archive -------------------------------------------------------------------------------------


@pytest.mark.godot
def test_an_installed_official_engine_plays_a_game(
    server: ReleaseServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    # Where both the cache and all that is in it have names that are hard to quote.
    monkeypatch.setenv("GODOT_MARL_CACHE", str(tmp_path / "Möwe's 鷗 $HOME cache"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    name = provider(DEFAULT_VERSION).archive
    wrapper = f'#!/bin/sh\nexec {shlex.quote(str(engine.path))} "$@"\n'
    server.site.publish(f"{DEFAULT_VERSION}-stable", {name: zipped({name.removesuffix(".zip"): wrapper})})
    installed = install(providers=[provider(DEFAULT_VERSION)])
    assert installed.version == engine.version
    assert find_engine() == installed
    env = cartpole_v0.parallel_env()
    observation = env.reset(seed=1)[0]["cart_0"]
    assert env.step({"cart_0": 1})[1] == {"cart_0": 1.0}
    env.close()
    assert observation.shape == (4,)


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


def test_the_first_that_fits_is_taken(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DebianProvider, "reason_unavailable", lambda _: "this is not Linux")
    assert install(providers=[DebianProvider(), provider()]).version == VERSION


def _length(site: Site) -> int:
    return len(site.files[f"/{RELEASE}/{LINUX}"])

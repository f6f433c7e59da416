"""What can go wrong on the way from the Godot project's site, against a web server on this machine."""

from __future__ import annotations

import hashlib
import os
import shlex
import socket
import ssl
import subprocess
import sys
import urllib.error
from pathlib import Path

import pytest
from release_server import Fault, ReleaseServer, Site, zipped
from releases import BALLAST, GODOT, LINUX, RELEASE, VERSION, failure, files, install, provider

from godot_marl.engine import Progress, _download, find_engine
from godot_marl.errors import EngineInstallError


@pytest.fixture(autouse=True)
def cache(official_cache: Path) -> Path:
    return official_cache


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
    assert error.got == f"the connection ended after 1500000 of {_length(site)} bytes, in 3 attempts"
    assert "resumes the download" in str(error.remedy)
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


def test_a_missing_release_is_an_error_that_says_where_the_versions_are(server: ReleaseServer) -> None:
    error = failure(providers=[provider("4.99")])
    assert error.what == "There is no Godot release 4.99-stable."
    assert error.where == f"{server.url}/4.99-stable/SHA512-SUMS.txt"
    assert error.got == "HTTP status 404 (Not Found)"
    assert "https://godotengine.org/download/archive/" in str(error.remedy)


def test_a_mirror_without_the_archive_is_an_error(site: Site, server: ReleaseServer) -> None:
    del site.files[f"/{RELEASE}/{LINUX}"]
    error = failure()
    assert type(error) is EngineInstallError
    assert (error.where, error.got) == (f"{server.url}/{RELEASE}/{LINUX}", "HTTP status 404 (Not Found)")


def test_a_server_whose_certificate_is_not_trusted_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def refuse(*_: object, **__: object) -> None:
        tries.append(1)
        raise urllib.error.URLError(ssl.SSLCertVerificationError("certificate verify failed"))

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    error = failure()
    assert "Install Certificates.command" in str(error.remedy)
    assert len(tries) == 1


def test_a_server_that_refuses_is_asked_once(site: Site) -> None:
    site.faults = [Fault(status=403)]
    assert failure().got == "HTTP status 403 (Forbidden)"
    assert len(site.asked) == 1


def test_no_server_is_a_broken_download(server: ReleaseServer, tmp_path: Path) -> None:
    with ReleaseServer() as gone:
        url = gone.url
    error = failure(providers=[provider(base_url=url)])
    assert "ConnectionRefusedError" in str(error.got)
    assert str(error.got).endswith("in 3 attempts")


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
    assert "outside of its folder" in failure().what


def test_an_archive_of_something_else_is_refused(server: ReleaseServer, cache: Path) -> None:
    server.site.publish(RELEASE, {LINUX: zipped({"README": "x"})})
    error = failure()
    assert (error.expected, error.got) == (LINUX.removesuffix(".zip"), "README")
    assert not (cache / "installed").exists()


def test_a_file_that_is_no_archive_is_an_error(server: ReleaseServer) -> None:
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
    assert "free some space, or set the environment variable GODOT_MARL_CACHE" in done.stdout
    left = [Path(line).name for line in done.stdout.splitlines() if line.startswith(str(disk))]
    assert left == ["install.lock"] if room < 2_500_000 else sorted(left) == [f"{LINUX}.part", "install.lock"]


def _length(site: Site) -> int:
    return len(site.files[f"/{RELEASE}/{LINUX}"])

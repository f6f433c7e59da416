"""The provider of Debian's packages, with an apt that scripts stand in for."""

import os
import platform
import subprocess
from pathlib import Path

import pytest

from godot_marl.engine import Progress, _debian, install_engine
from godot_marl.engine._debian import DebianProvider, find_mirrors, write_wrapper
from godot_marl.errors import EngineInstallError

MIRROR = "http://mirror.invalid/debian/"
VERSION = "4.6.stable.official.a"

# What each program does is said by files beside it, so that a test changes one thing at a time.
APT_GET = """
echo "$@" >> "$FAKE/log"
case " $* " in
*" indextargets "*--no-release-info*) cat "$FAKE/unknown" ;;
*" indextargets "*) cat "$FAKE/known" ;;
*" update "*) cat "$FAKE/update-errors" >&2; [ ! -s "$FAKE/update-errors" ] || exit 100 ;;
*--print-uris*) printf "%s\\n" "'http://mirror.invalid/a.deb' a.deb 1 x" "'http://mirror.invalid/b.deb' b.deb 1 x" ;;
*" install "*)
    for word; do case $word in Dir::Cache=*) cache=${word#Dir::Cache=} ;; esac; done
    [ ! -s "$FAKE/install-errors" ] || { cat "$FAKE/install-errors" >&2; exit 100; }
    for name in a b; do echo "Get:1 $name"; echo "$name" > "$cache/archives/$name.deb"; done
    cp -r "$cache/.." "$FAKE/work"
    ;;
esac
"""
DPKG = 'echo "${FAKE_ARCHITECTURE-amd64}"'
# a.deb holds the C library with its loader, b.deb Godot.
DPKG_DEB = """
[ "$1" = -x ] || exit 2
lib=usr/lib/fake-triple
case $2 in
*/a.deb)
    mkdir -p "$3/$lib/pulseaudio" "$3/usr/share/doc/a" && touch "$3/$lib/libc.so.6"
    printf '%s\\n' '#!/bin/sh' 'shift 2' 'exec "$@"' > "$3/$lib/ld-linux-fake.so.1"
    chmod +x "$3/$lib/ld-linux-fake.so.1"
    ;;
*)
    mkdir -p "$3/usr/bin" && cp "$FAKE/godot" "$3/usr/bin/godot"
    ;;
esac
"""
GODOT = f"""
case $1 in
--version) echo {VERSION} ;;
*) echo "pid=$$ args=$* dri=$LIBGL_DRIVERS_PATH gbm=$GBM_BACKENDS_PATH egl=$__EGL_VENDOR_LIBRARY_DIRS" ;;
esac
"""


def script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A Debian machine whose apt is played; the path of what plays it."""
    fake = tmp_path / "fake"
    fake.mkdir()
    for name, body in {"apt-get": APT_GET, "dpkg": DPKG, "dpkg-deb": DPKG_DEB, "godot": GODOT}.items():
        script(fake / name, body)
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("apt-get", "dpkg", "dpkg-deb"):
        (programs / name).symlink_to(fake / name)
    (fake / "known").write_text(f"Debian|Debian|{MIRROR}\n")
    for name in ("unknown", "update-errors", "install-errors"):
        (fake / name).touch()
    monkeypatch.setenv("FAKE", str(fake))
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("GODOT_MARL_CACHE", str(tmp_path / "a cache"))
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"ID": "debian", "VERSION_CODENAME": "bookworm"})
    return fake


def test_an_install_with_a_fake_apt(machine, tmp_path):
    told = []
    engine = install_engine(told.append, providers=[DebianProvider()])
    assert engine.version == VERSION
    folder = tmp_path / "a cache" / "engine" / "installed"
    assert engine.path == folder / "godot"
    assert sorted(path.name for path in folder.iterdir()) == ["engine.json", "godot", "root"]
    assert not (folder / "root" / "usr" / "share" / "doc").exists()
    assert told == [
        Progress("package lists"),
        Progress("download", 0, 2),
        Progress("download", 1, 2),
        Progress("download", 2, 2),
        Progress("unpack", 0, 2),
        Progress("unpack", 1, 2),
        Progress("unpack", 2, 2),
        Progress("start it once", 0, 1),
        Progress("start it once", 1, 1),
    ]


def test_the_arguments_and_configuration_of_apt(machine, monkeypatch, tmp_path):
    keyring = tmp_path / "keyring.gpg"
    keyring.touch()
    monkeypatch.setattr(_debian, "_KEYRINGS", (tmp_path / "missing.pgp", keyring))
    monkeypatch.setenv("FAKE_ARCHITECTURE", "arm64")
    install_engine(providers=[DebianProvider()])
    source = (machine / "work" / "sources.list").read_text()
    assert source == f"deb [target=Packages lang=none signed-by={keyring}] {MIRROR} testing main\n"
    conf = (machine / "work" / "apt.conf").read_text()
    assert 'APT::Architectures { "arm64"; };' in conf
    assert 'APT::Get::AllowUnauthenticated "false";' in conf
    assert (machine / "work" / "status").read_text() == ""
    last = (machine / "log").read_text().splitlines()[-1]
    assert last.endswith("--download-only install godot libgl1-mesa-dri libgl1 libegl1 libxkbcommon-x11-0")


def test_without_a_keyring_a_signature_is_still_required(machine, monkeypatch):
    monkeypatch.setattr(_debian, "_KEYRINGS", ())
    install_engine(providers=[DebianProvider()])
    source = (machine / "work" / "sources.list").read_text()
    assert source == f"deb [target=Packages lang=none] {MIRROR} testing main\n"
    for name in ("sources.list", "apt.conf"):
        text = (machine / "work" / name).read_text().lower()
        assert "trusted" not in text
        assert 'insecure "true"' not in text


def test_the_wrapper(machine, tmp_path):
    engine = install_engine(providers=[DebianProvider()])
    link = tmp_path / "bin" / "my godot"
    link.parent.mkdir()
    link.symlink_to(engine.path)
    again = tmp_path / "again"
    again.symlink_to(os.path.relpath(link, tmp_path))
    root = engine.path.parent / "root"
    libraries = root / "usr" / "lib" / "fake-triple"
    for path, folder in ((engine.path, "/"), (link, tmp_path), ("./again", tmp_path)):
        with subprocess.Popen([path, "--path", "a b", "*"], cwd=folder, stdout=subprocess.PIPE, text=True) as process:
            out, _ = process.communicate(timeout=30)
        assert out == (
            f"pid={process.pid} args=--path a b * dri={libraries}/dri gbm={libraries}/gbm "
            f"egl={root}/usr/share/glvnd/egl_vendor.d\n"
        )
    text = engine.path.read_text()
    assert '--library-path "$root/usr/lib/fake-triple:$root/usr/lib/fake-triple/pulseaudio"' in text
    assert str(tmp_path) not in text


@pytest.mark.parametrize(
    "loader",
    [
        "usr/lib/x/ld-linux-x86-64.so.2",
        "usr/lib/x/ld-linux-aarch64.so.1",
        "usr/lib/x/ld-linux-armhf.so.3",
        "usr/lib/x/ld64.so.2",
        "usr/lib/ld64.so.1",
        "lib64/ld-linux-x86-64.so.2",
    ],
)
def test_loaders_of_other_architectures(tmp_path, loader):
    for name in ("usr/lib/x/libc.so.6", "usr/bin/godot", loader):
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    text = write_wrapper(tmp_path).read_text()
    assert f'exec "$root/{loader}" --library-path "$root/usr/lib/x" "$root/usr/bin/godot" "$@"' in text


def test_packages_that_hold_something_else(machine):
    script(machine / "dpkg-deb", "exit 0")
    with pytest.raises(EngineInstallError, match="lack an expected file"):
        install_engine(providers=[DebianProvider()])


@pytest.mark.parametrize(
    ("step", "what"),
    [
        ("update", "Debian's package lists could not be read."),
        ("install", "Debian's packages could not be downloaded."),
    ],
)
def test_apt_fails(machine, tmp_path, step, what):
    (machine / f"{step}-errors").write_text("W: something small\nE: Could not resolve 'mirror.invalid'\n")
    with pytest.raises(EngineInstallError) as caught:
        install_engine(providers=[DebianProvider()])
    assert caught.value.what == what
    assert caught.value.where == "apt-get"
    assert caught.value.got == "exit status 100: E: Could not resolve 'mirror.invalid'"
    assert "GODOT_MARL_ENGINE" in caught.value.remedy
    assert [path.name for path in (tmp_path / "a cache" / "engine").iterdir()] == ["install.lock"]


def test_a_package_that_is_damaged(machine):
    script(machine / "dpkg-deb", "echo 'dpkg-deb: error: not a Debian format archive' >&2; exit 2")
    with pytest.raises(EngineInstallError, match="not a Debian format archive"):
        install_engine(providers=[DebianProvider()])


def test_apt_hangs(machine, monkeypatch):
    monkeypatch.setattr(_debian, "_LISTS_TIMEOUT", 0.3)
    script(machine / "apt-get", APT_GET.replace('*" update "*)', '*" update "*) sleep 600;'))
    with pytest.raises(EngineInstallError, match=r"still runs after 0\.3 s"):
        install_engine(providers=[DebianProvider()])


def test_the_next_mirror_is_tried(machine):
    (machine / "known").write_text("Debian|Debian|http://dead.invalid/debian/\n" + (machine / "known").read_text())
    dead = APT_GET.replace(
        '*" update "*)', '*" update "*) if grep -q dead "${3%/*}/sources.list"; then echo "E: dead" >&2; exit 100; fi;'
    )
    script(machine / "apt-get", dead)
    assert install_engine(providers=[DebianProvider()]).version == VERSION
    assert MIRROR in (machine / "work" / "sources.list").read_text()


def test_mirrors_that_apt_knows(machine):
    (machine / "known").write_text(
        "other|other|http://other.invalid/\n"
        "Debian|Debian-Security|http://mirror.invalid/debian-security/\n"
        f"Debian|Debian|{MIRROR}\nDebian|Debian|{MIRROR}\n"
    )
    assert find_mirrors() == [MIRROR]


def test_mirrors_of_a_fresh_machine_without_lists(machine, monkeypatch):
    (machine / "known").write_text("\n")
    (machine / "unknown").write_text(
        "nodistro|http://other.invalid/\n"
        "bookworm-security|http://mirror.invalid/debian-security/\n"
        f"bookworm|{MIRROR}\nbookworm-updates|{MIRROR}\nbookworm|{MIRROR}\n"
    )
    assert find_mirrors() == [MIRROR]
    assert DebianProvider().reason_unavailable() is None
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"ID": "ubuntu", "VERSION_CODENAME": "bookworm"})
    assert DebianProvider().reason_unavailable() == "apt has no source with a mirror of Debian's main archive"


def test_machines_where_the_provider_is_unavailable(machine, monkeypatch, tmp_path):
    assert DebianProvider().reason_unavailable() is None
    (machine / "known").write_text("Ubuntu|Ubuntu|http://mirror.invalid/ubuntu/\n")
    assert DebianProvider().reason_unavailable() == "apt has no source with a mirror of Debian's main archive"
    script(machine / "apt-get", "echo 'E: Malformed entry 1' >&2; exit 100")
    assert "E: Malformed entry 1" in DebianProvider().reason_unavailable()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert DebianProvider().reason_unavailable() == "this machine has no apt-get, dpkg, dpkg-deb, tar"
    monkeypatch.setattr("sys.platform", "darwin")
    assert DebianProvider().reason_unavailable() == "this is not Linux"


def test_a_folder_that_no_library_path_can_name(machine, monkeypatch, tmp_path):
    monkeypatch.setenv("GODOT_MARL_CACHE", str(tmp_path / "a:b"))
    with pytest.raises(EngineInstallError, match="colon") as caught:
        install_engine(providers=[DebianProvider()])
    assert "GODOT_MARL_CACHE" in caught.value.remedy

"""Exports a project with Debian's export template, as the editor's Export button would."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from godot_marl.assets.cache import cache_dir
from godot_marl.engine import Engine, Progress
from godot_marl.engine._debian import DebianProvider, prepare_apt

_TIMEOUT = 100.0
_TEMPLATE = "godot-template-release"
_PATCHELF = "patchelf"

_PRESET = """\
[preset.0]
name="Linux"
platform="Linux"
export_filter="all_resources"
include_filter=""
exclude_filter=""
export_path=""

[preset.0.options]
custom_template/release="{template}"
binary_format/embed_pck={embed}
"""


def export(engine: Engine, project: Path, target: Path, template: Path | None = None, *, embed: bool = False) -> Path:
    """Export a project that is imported: with a template as a program, without one as a .pck file."""
    preset = _PRESET.format(template=template or "", embed=str(embed).lower())
    (project / "export_presets.cfg").write_text(preset, encoding="utf-8")
    how = "--export-pack" if template is None else "--export-release"
    _run([engine.path, "--headless", "--path", project, how, "Linux", target])
    assert target.is_file()
    return target


def export_template(engine: Engine, work: Path) -> Path:
    """Debian's template for release builds, made to run on this machine even if that has another Debian.

    Beside Debian's engine in the cache, a copy is kept for the next time.
    """
    work.mkdir()
    # Debian's engine has all that its template needs beside it: see the provider.
    system = engine.path.parent / "root"
    if not system.is_dir():
        (work / "engine").mkdir()
        return _make_template(DebianProvider().install(work / "engine", _ignore).parent / "root", work)
    kept = cache_dir() / "tests" / f"{_TEMPLATE}-{engine.version}"
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        fresh = kept.with_name(f".{work.parent.name}-{kept.name}")
        shutil.copy(_make_template(system, work), fresh)
        fresh.replace(kept)
    return kept


def _make_template(system: Path, work: Path) -> Path:
    apt = prepare_apt(work / "apt")
    # It saves into the current folder.
    _run([*apt, "download", _TEMPLATE, _PATCHELF], folder=work)
    for package in work.glob("*.deb"):
        _run(["dpkg-deb", "-x", package, work])
    libraries = next(system.glob("usr/lib/*/libc.so.6")).parent
    loader = next(libraries.glob("ld*.so.*"))
    template = work / "usr" / "bin" / _TEMPLATE
    # The engine has a script that names its libraries; a program of its own must name them itself. Those libraries that
    # say where to look do not look there, so the program brings along what they need.
    patchelf = [loader, "--library-path", libraries, work / "usr" / "bin" / _PATCHELF]
    needed = []
    for pattern in ("libpulse.so.*", "libLLVM.so.*"):
        for library in libraries.glob(pattern):
            needed += [
                w for name in _run([*patchelf, "--print-needed", library]).split() for w in ("--add-needed", name)
            ]
    path = f"{libraries}:{libraries / 'pulseaudio'}"
    _run([*patchelf, "--set-interpreter", loader, "--force-rpath", "--set-rpath", path, *needed, template])
    return template


def _run(command: Sequence[str | Path], folder: Path | None = None) -> str:
    done = subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_TIMEOUT, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _ignore(_: Progress) -> None:
    pass

"""The provider of Debian's packages, with the real apt."""

import subprocess

import pytest

from godot_marl.engine import find_engine, install_engine
from godot_marl.engine._debian import DebianProvider


@pytest.mark.godot
@pytest.mark.timeout(900)
def test_an_install_with_the_real_apt(tmp_path, monkeypatch):
    monkeypatch.setenv("GODOT_MARL_CACHE", str(tmp_path / "Möwe's 鷗 $HOME cache"))
    monkeypatch.delenv("GODOT_MARL_ENGINE", raising=False)
    engine = install_engine(providers=[DebianProvider()])
    assert engine.version_tuple >= (4, 6, 0)
    assert find_engine(engine.path).version == engine.version
    assert list(engine.path.parent.rglob("*.deb")) == []
    project = tmp_path / "project"
    project.mkdir()
    (project / "project.godot").write_text('config_version=5\n[application]\nrun/main_scene="res://main.tscn"\n')
    (project / "main.gd").write_text('extends Node\nfunc _ready() -> void:\n\tprint("pid ", OS.get_process_id())\n')
    (project / "main.tscn").write_text(
        '[gd_scene load_steps=2 format=3]\n[ext_resource type="Script" path="res://main.gd" id="1"]\n'
        '[node name="Main" type="Node"]\nscript = ExtResource("1")\n'
    )
    command = [engine.path, "--headless", "--path", project, "--quit"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        out, _ = process.communicate(timeout=120)
    assert process.returncode == 0, out
    # The script has become Godot, so that ending the one ends the other.
    assert f"pid {process.pid}\n" in out
    assert "error" not in out.lower()

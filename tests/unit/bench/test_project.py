"""The temporary project that is measured."""

from __future__ import annotations

from pathlib import Path

from godot_marl.bench.cases import Case, World
from godot_marl.bench.project import BenchProject, set_root_properties
from godot_marl.engine import Engine

ENGINE = Engine(Path("/nowhere/godot"), "4.6.3.stable.official.7d41c59c4", "option")


def test_each_world_has_a_scene_and_a_ceiling() -> None:
    world = World(16, "arenas", "image")
    with BenchProject(ENGINE) as project:
        project.write_scenes([Case("vector", world), Case("ppo", World(game="cartpole"))], seconds=2.0)
        assert (project.folder / "addons" / "godot_marl" / "marl_bridge.gd").is_file()
        scene = (project.folder / "carts_1_image.tscn").read_text()
        ceiling = (project.folder / "ceiling_16_1_image.tscn").read_text()
    assert 'script = ExtResource("1_carts")\nagents = 1\nnumbers = 4\npictures = true\nfalls = false\n' in scene
    assert "MarlBridge" in scene
    assert "arenas = 16\nseconds = 2.000000\n" in ceiling
    assert "MarlBridge" not in ceiling
    assert not project.folder.parent.exists()


def test_properties_go_to_the_root() -> None:
    scene = '[node name="A" type="Node"]\nscript = X\n\n[node name="B" type="Node" parent="."]\nscript = Y\n'
    assert set_root_properties(scene, ["a = 1", "b = 2"]) == scene.replace("script = X\n", "script = X\na = 1\nb = 2\n")

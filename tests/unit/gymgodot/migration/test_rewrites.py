"""What Godot's own converter leaves behind, and where an action space is found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from godot_marl.gymgodot.migration import rewrites
from godot_marl.gymgodot.migration.report import changed_lines
from godot_marl.gymgodot.migration.scanner import GymGodotFiles
from godot_marl.gymgodot.migration.scenes import SceneText
from godot_marl.gymgodot.migration.spaces import find_action_space

NODE = "extends Node\nexport(int) var stepLength = 4\nexport(NodePath) var environmentNode\n"


def shape(kind: str, *properties: str) -> set[str]:
    text = "\n".join([f'[sub_resource type="{kind}" id=1]', *properties, ""])
    return set(rewrites.modern_scene(text).splitlines()[1:]) - {""}


def body(*properties: str) -> set[str]:
    text = "\n".join(['[node name="Body" type="RigidBody3D"]', *properties, ""])
    return set(rewrites.modern_scene(text).splitlines()[1:]) - {""}


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("BoxShape3D", ["extents = Vector3( 0.5, 2, 4 )"], {"size = Vector3( 1, 4, 8 )"}),
        ("BoxShape3D", [], {"size = Vector3( 2, 2, 2 )"}),
        ("BoxMesh", [], {"size = Vector3( 2, 2, 2 )"}),
        ("BoxMesh", ["size = Vector3( 1, 4, 8 )"], {"size = Vector3( 1, 4, 8 )"}),
        ("SphereShape3D", [], {"radius = 1.0"}),
        ("SphereMesh", ["radius = 0.2"], {"radius = 0.2", "height = 2.0"}),
        ("CapsuleShape3D", ["radius = 0.5", "height = 2.0"], {"radius = 0.5", "height = 3.0"}),
        ("CapsuleShape3D", [], {"radius = 1.0", "height = 3.0"}),
        ("CapsuleMesh", ["mid_height = 4.0"], {"radius = 1.0", "height = 6.0"}),
        ("CapsuleShape2D", ["radius = 5.0"], {"radius = 5.0", "height = 30.0"}),
        ("RectangleShape2D", ["extents = Vector2( 3, 4 )"], {"size = Vector2( 6, 8 )"}),
        ("PlaneMesh", [], set()),
    ],
)
def test_a_shape_is_as_large_as_it_was(kind: str, before: list[str], after: set[str]) -> None:
    assert shape(kind, *before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["angular_damp = 0.5"], {"angular_damp = 0.5", "angular_damp_mode = 1"}),
        (["linear_damp = -1.0"], set()),
        (["mode = 1"], {"freeze = true"}),
        (["mode = 2"], {"lock_rotation = true"}),
        (["mode = 3"], {"freeze = true", "freeze_mode = 1"}),
        (["mass = 2.0"], {"mass = 2.0"}),
    ],
)
def test_a_body_is_braked_and_moved_as_it_was(before: list[str], after: set[str]) -> None:
    assert body(*before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('class_name Hero, "res://icon.png"', '@icon("res://icon.png")\nclass_name Hero'),
        ("@export(NodePath) onready var target", "@export var target: NodePath"),
        ("await get_tree().idle_frame", "await get_tree().process_frame"),
        ('funcref(self, "a").call_func(1)', 'Callable(self, "a").call(1)'),
        ("var a := abs(b)", "var a = abs(b)"),
        ("var a := absolute(b)", "var a := absolute(b)"),
    ],
)
def test_a_script_becomes_one_of_godot_4(before: str, after: str) -> None:
    assert rewrites.modern_script(before) == after


def test_json_is_converted_before_the_engines_converter() -> None:
    before = 'var a = JSON.parse(text.strip(")")).result\nvar b = parse_json(f(1))\nvar c = JSON.parse(d)\n'
    after = 'var a = JSON.parse_string(text.strip(")"))\nvar b = JSON.parse_string(f(1))\nvar c = JSON.parse(d)\n'
    # A parenthesis in a text is counted as one.
    assert rewrites.before_conversion(before.replace('")"', "x")) == after.replace('")"', "x")


def test_settings_that_the_converter_does_not_convert() -> None:
    before = (
        '_global_script_classes=[  ]\n_global_script_class_icons={\n}\n\n[physics]\n\ncommon/physics_fps=30\n'
        '3d/physics_engine="Bullet"\n3d/default_gravity=3.7\n'
    )  # fmt: skip
    after = "[physics]\n\ncommon/physics_ticks_per_second=30\n3d/default_gravity=3.7\n"
    assert rewrites.modern_settings(before).lstrip() == after


# -- GymGodot's node, under any name -----------------------------------------------------------------------------------


def project(folder: Path, **texts: str) -> GymGodotFiles:
    for name, text in texts.items():
        path = folder / name.replace("__", "/").replace("_gd", ".gd").replace("_tscn", ".tscn")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return GymGodotFiles(folder)


def test_a_node_with_the_script_itself_is_found_with_its_own_values(tmp_path: Path) -> None:
    scene = (
        '[gd_scene load_steps=3 format=2]\n\n[ext_resource path="res://other/name.gd" type="Script" id=7]\n'
        '[ext_resource path="res://agent.gd" type="Script" id=9]\n\n[node name="Root" type="Node"]\n\n'
        '[node name="World" type="Node" parent="."]\n\n'
        '[node name="Sync" type="Node" parent="World"]\nscript = ExtResource( 7 )\nenabled = false\n'
        'environmentNode = NodePath("../../Agent")\n\n[node name="Socket" type="Node" parent="World/Sync"]\n\n'
        '[node name="Agent" type="Node" parent="."]\nscript = ExtResource( 9 )\n\n'
        '[connection signal="tree_entered" from="World/Sync" to="." method="f"]\n'
    )  # fmt: skip
    found = project(tmp_path, other__name_gd=NODE, agent_gd="func reset():\n\tpass\n", main_tscn=scene)
    (use,) = found.uses
    assert (use.scene, use.node.path, use.step_length, use.enabled, use.agent) == (
        "main.tscn", "World/Sync", "4", False, "Agent"
    )  # fmt: skip
    assert found.obsolete == {"other/name.gd"}
    assert found.agent_script(use) == "agent.gd"
    assert found.missing_methods("agent.gd") == ["apply_action", "get_observation", "get_reward", "is_done"]
    text = SceneText(scene)
    node = text.node("World/Sync")
    assert node is not None
    text.put_bridge(node, {"step_length": "4", "enabled": "false"})
    assert str(text) == (
        '[gd_scene load_steps=3 format=2]\n\n[ext_resource path="res://agent.gd" type="Script" id=9]\n'
        '[ext_resource path="res://addons/godot_marl/marl_bridge.gd" type="Script" id=10]\n\n'
        '[node name="Root" type="Node"]\n\n[node name="World" type="Node" parent="."]\n\n'
        '[node name="MarlBridge" type="Node" parent="World"]\nscript = ExtResource( 10 )\nstep_length = 4\n'
        'enabled = false\n\n[node name="Agent" type="Node" parent="."]\nscript = ExtResource( 9 )\n\n'
    )  # fmt: skip


def test_a_scene_without_the_node_does_not_use_it(tmp_path: Path) -> None:
    found = project(tmp_path, agent_gd="export(int) var stepLength = 1\n", main_tscn='[node name="A" type="Node"]\n')
    assert found.uses == []
    assert found.obsolete == set()


def test_methods_of_the_script_that_is_extended_count(tmp_path: Path) -> None:
    base = "".join(f"func {name}():\n\tpass\n" for name in ("apply_action", "get_observation", "get_reward", "reset"))
    found = project(tmp_path, base_gd=base, agent_gd='extends "res://base.gd"\nfunc reset():\n\tpass\n')
    assert found.missing_methods("agent.gd") == ["is_done"]


# -- Action spaces -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("if action[0] == 0:\n\t\ta()\n\telse:\n\t\tb()", "MarlSpace.discrete(2)"),
        ("if action[0] == 0: a()\n\tif action[0] == 5: b()", "MarlSpace.discrete(6)"),
        ("match int(action[0]):\n\t\t0:\n\t\t\ta()\n\t\t1:\n\t\t\ta()\n\t\t2:\n\t\t\tb()", "MarlSpace.discrete(3)"),
        ("x = clamp(action[0], -2, 2.5)\n\ty = action[1]", "MarlSpace.box([-2.0, -1.0], [2.5, 1.0])"),
        ("pass", None),
    ],
)
def test_what_a_script_does_with_an_action_suggests_its_space(tmp_path: Path, body: str, code: str | None) -> None:
    script = f"func apply_action(action: Array) -> void:\n\t{body}\n\nfunc other():\n\tvar a = action[7]\n"
    found = find_action_space(script, [tmp_path], tmp_path)
    assert (found.code if found else None) == code
    assert found is None or found.is_guess


@pytest.mark.parametrize(
    ("python", "code"),
    [
        ("action_space = spaces.Discrete(4)", "MarlSpace.discrete(4)"),
        ("action_space = gym.spaces.Discrete(3, start=1)", "MarlSpace.discrete(3, 1)"),
        ("m = 2.\naction_space = Box(low=-m, high=np.array([m, np.inf]), shape=(2,), dtype=np.float32)",
         "MarlSpace.box([-2.0, -2.0], [2.0, INF])"),
        ("gym.make('server-v0', action_space=spaces.MultiDiscrete([2, 3]))", "MarlSpace.multi_discrete([2, 3])"),
        ("action_space = spaces.Box(0, 1, (2, 2))", "MarlSpace.box_of_shape([2, 2], 0.0, 1.0)"),
    ],
)  # fmt: skip
def test_the_python_that_trains_a_scene_names_its_space(tmp_path: Path, python: str, code: str) -> None:
    (tmp_path / "learn.py").write_text(f"import gym\nfrom gym import spaces\n{python}\n")
    found = find_action_space("", [tmp_path], tmp_path)
    assert found is not None
    assert (found.code, found.source, found.is_guess) == (code, "learn.py", False)


def test_a_notebook_is_read_cell_by_cell(tmp_path: Path) -> None:
    sources = ["%matplotlib inline\nN = 2", "%%html\n<b>", ["action_space = ", "spaces.Discrete(N)"]]
    cells = [{"cell_type": "code", "source": source} for source in sources]
    (tmp_path / "tutorial.ipynb").write_text(json.dumps({"cells": cells}))
    found = find_action_space("", [tmp_path], tmp_path)
    assert found is not None
    assert found.code == "MarlSpace.discrete(2)"


def test_no_python_of_the_project_is_run(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    (tmp_path / "learn.py").write_text(f"action_space = spaces.Discrete(open({str(trap)!r}, 'w').write('x'))\n")
    assert find_action_space("", [tmp_path], tmp_path) is None
    assert not trap.exists()


def test_the_lines_of_a_report_are_those_before() -> None:
    notes = changed_lines("a.gd", "a\nb\nc\nd\n", "a\nB\nc\nx\n", [4])
    assert [(note.line, note.what) for note in notes] == [(2, "b  ->  B")]

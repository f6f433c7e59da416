"""What `godot_marl.testing.speed_advice` says of project settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from godot_marl.assets.paths import example_folder, example_names
from godot_marl.testing.speed_advice import advise

PROJECT = """config_version=5
[application]
run/main_scene="res://main.tscn"
[physics]
3d/physics_engine="Jolt Physics"
"""
MAIN = """[gd_scene load_steps=2 format=3]
[ext_resource type="PackedScene" path="res://ball.tscn" id="1"]
[node name="Main" type="Node3D"]
[node name="Ball" parent="." instance=ExtResource("1")]
"""
BALL = '[gd_scene format=3]\n[node name="Ball" type="RigidBody3D"]\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "project.godot").write_text(PROJECT)
    (tmp_path / "main.tscn").write_text(MAIN)
    (tmp_path / "ball.tscn").write_text(BALL)
    return tmp_path


def test_a_scene_with_bodies_gets_advice_on_threads_and_jolt(folder: Path) -> None:
    findings = list(advise(folder, None))
    assert [finding.where.split(" ")[0].split("/")[-1] for finding in findings] == [
        "max_threads",
        "temporary_memory_buffer_size",
    ]
    assert all(finding.remedy for finding in findings)


def test_right_settings_get_no_advice(folder: Path) -> None:
    more = "jolt_physics_3d/limits/temporary_memory_buffer_size=1\n[threading]\nworker_pool/max_threads=1\n"
    (folder / "project.godot").write_text(PROJECT + more)
    assert list(advise(folder, None)) == []


def test_a_scene_without_bodies_needs_no_advice(folder: Path) -> None:
    (folder / "plain.tscn").write_text('[gd_scene format=3]\n[node name="Plain" type="Node"]\n')
    assert list(advise(folder, "res://plain.tscn")) == []


def test_an_exported_game_gets_no_advice(tmp_path: Path) -> None:
    game = tmp_path / "game.pck"
    game.touch()
    assert list(advise(game, None)) == []


@pytest.mark.parametrize("name", example_names())
def test_the_examples_need_no_advice(name: str) -> None:
    assert list(advise(example_folder(name), None)) == []

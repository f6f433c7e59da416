"""A small game with one agent, which is imported and played while all that Godot prints is kept."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from by_hand import ByHand, free_port

import godot_marl
from godot_marl.engine import Engine

# What Godot prints where something is wrong.
TROUBLE = re.compile(r"ERROR|WARNING|Parse Error")
SETTINGS = """\
config_version=5

[application]

config/name="One agent"
config/features=PackedStringArray("4.5")
run/main_scene="res://main.tscn"

[debug]

gdscript/warnings/directory_rules={}
"""
SCENE = """\
[gd_scene format=3]

[ext_resource type="Script" path="res://addons/godot_marl/marl_bridge.gd" id="1"]
[ext_resource type="Script" path="res://player.gd" id="2"]

[node name="Main" type="Node2D"]

[node name="Player" type="Node2D" parent="."]
script = ExtResource("2")

[node name="MarlBridge" type="Node" parent="."]
script = ExtResource("1")
address = "ws://127.0.0.1:PORT"
"""
# Counts what it does, up to three. It needs no class of the addon.
AGENT = """\
extends Node2D

var place := 0.0


func apply_action(action: Array) -> void:
	place += action[0]


func get_observation() -> Array:
	return [place]


func get_reward() -> float:
	return place


func reset() -> void:
	place = 0.0


func is_done() -> bool:
	return place >= 3.0


func get_action_space() -> Dictionary:
	return {"type": "discrete", "n": 2, "start": 0}
"""


class OneAgentGame:
    """The game in a folder; the addon is not in it yet."""

    def __init__(self, engine: Engine, folder: Path, settings: str = "") -> None:
        self.folder = folder
        self.addon = folder / "addons" / "godot_marl"
        self._engine = engine
        self._port = free_port()
        (folder / "project.godot").write_text(SETTINGS + settings)
        (folder / "main.tscn").write_text(SCENE.replace("PORT", str(self._port)))
        (folder / "player.gd").write_text(AGENT)

    def run(self, *arguments: str) -> str:
        """Run the engine in the folder until it ends by itself, and return what it printed."""
        command = [self._engine.path, "--headless", "--path", self.folder, *arguments]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60
        )
        return done.stdout

    def play(self) -> str:
        """Play an episode of three steps, and return what the game printed."""
        start = ByHand(self._engine, self.folder)
        try:
            game = start("main")
            env = godot_marl.parallel_env(port=self._port, start_timeout=30)
            try:
                places = [env.reset(seed=1)[0]["player_0"].item()]
                while env.agents:
                    places.append(env.step({"player_0": 1})[0]["player_0"].item())
            finally:
                env.close()
            output, _ = game.communicate(timeout=30)
        finally:
            start.end()
        assert places == [0.0, 1.0, 2.0, 3.0]
        assert game.returncode == 0, output
        return str(output)

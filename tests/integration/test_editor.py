"""The addon in the real editor."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from pages import ROOT

import godot_marl
from godot_marl.assets.install import install_addon
from godot_marl.engine import Engine
from godot_marl.version import __version__

pytestmark = pytest.mark.godot

PROJECT = """\
config_version=5

[debug]

gdscript/warnings/untyped_declaration=2
gdscript/warnings/unused_variable=2
gdscript/warnings/shadowed_variable=2

[editor_plugins]

enabled=PackedStringArray("res://addons/godot_marl/plugin.cfg")
"""
PROBE = ROOT / "tests" / "editor"
TROUBLE = re.compile(r"ERROR|WARNING|Parse Error|godot.marl", re.IGNORECASE)
BRIDGE = '[ext_resource type="Script" path="res://addons/godot_marl/marl_bridge.gd" id="1"]'
TEMPLATE = Path("script_templates") / "Node" / "marl_agent.gd"


def edit(engine: Engine, folder: Path, *arguments: str) -> str:
    """Open a project in the editor, and return what that printed."""
    done = subprocess.run(
        [engine.path, "--headless", "--editor", "--path", folder, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=50,
        check=True,
    )
    return done.stdout


def add_probe(folder: Path, script: str) -> None:
    """Add a plugin that does in the editor what a person would."""
    probe = folder / "addons" / "probe"
    probe.mkdir()
    (probe / "plugin.cfg").write_text(
        '[plugin]\n\nname="Probe"\ndescription=""\nauthor=""\nversion=""\nscript="probe.gd"\n'
    )
    (probe / "probe.gd").write_text(script)
    settings = folder / "project.godot"
    settings.write_text(settings.read_text().replace('cfg")', 'cfg", "res://addons/probe/plugin.cfg")'))


@pytest.fixture(scope="module")
def project(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A project with the addon and its plugin enabled, opened once in the editor, and what that printed."""
    folder = tmp_path_factory.mktemp("editor")
    (folder / "project.godot").write_text(PROJECT)
    install_addon(folder)
    output = ""
    for _ in range(2):  # as a user: the first time the editor imports, the second time it loads the plugin
        output = edit(engine, folder, "--quit")
    return folder, output


@pytest.fixture
def copy(project: tuple[Path, str], tmp_path: Path) -> Path:
    """A copy of that project, to be changed."""
    return Path(shutil.copytree(project[0], tmp_path / "copy"))


def test_editor_loads_the_plugin_without_errors(project: tuple[Path, str]) -> None:
    assert not re.search(r"SCRIPT ERROR|Parse Error|godot_marl", project[1]), project[1]


def test_create_dialog_knows_the_bridge(project: tuple[Path, str]) -> None:
    # The Create dialog lists the global classes, with their base and icon.
    classes = (project[0] / ".godot" / "global_script_class_cache.cfg").read_text()
    entry = next(part for part in classes.split("}") if '"class": &"MarlBridge"' in part)
    assert '"base": &"Node"' in entry
    assert '"icon": "res://addons/godot_marl/icon.svg"' in entry


def test_addon_and_package_have_the_same_version(project: tuple[Path, str]) -> None:
    addon = project[0] / "addons" / "godot_marl"
    assert f'version="{__version__}"' in (addon / "plugin.cfg").read_text()
    assert f'ADDON_VERSION := "{__version__}"' in (addon / "protocol" / "marl_control_messages.gd").read_text()


# -- Warnings while the scene is edited --------------------------------------------------------------------------------


def no_agent(where: str) -> str:
    return (
        f"No agent: neither {where} nor any node below it has the five methods apply_action, get_observation, "
        "get_reward, reset, is_done. Attach a script with them to a node (the template MARL Agent of the Attach Script "
        "dialog has them all), or set arena_root to a node above your agents. If a script makes the agents when the "
        "game starts, ignore this."
    )


def half(where: str, count: int, lacking: str) -> str:
    return (
        f"{where} is not an agent yet: it has {count} of the five methods and lacks {lacking}. Add to its script what "
        "is missing, or rename the others if it is not meant to be an agent."
    )


TWO = (
    "2 bridges of this scene are enabled, and only one may be: MarlBridge, Props/Second. Delete the others, or switch "
    "their property enabled off."
)
LOST = (
    "arena_root is a node that is no longer in this scene. Set it to the node above your agents, or leave it empty to "
    "search the whole scene for agents."
)
NO_STEP = "step_length is 0, and a step lasts at least one frame. Set it to 1 or more."

# What the bridge shows after each thing that tests/editor/probe.gd does.
SHOWN: list[tuple[str, list[str]]] = [
    ("opened", [no_agent("Level")]),
    ("a node with three of the methods", [no_agent("Level"), half("Hero", 3, "reset, is_done")]),
    ("renamed", [no_agent("Level"), half("Walker", 3, "reset, is_done")]),
    ("moved", [no_agent("Level"), half("Props/Walker", 3, "reset, is_done")]),
    ("its script was saved with a fourth", [no_agent("Level"), half("Props/Walker", 4, "is_done")]),
    ("another script, which inherits four", []),
    ("a second bridge", [TWO]),
    ("which is switched off", []),
    ("step_length 0", [NO_STEP]),
    ("step_length 1", []),
    ("arena_root beside the agent", [no_agent("Beside")]),
    ("which leaves the scene", [LOST]),
    ("arena_root empty", []),
    ("the agent was removed", [no_agent("Level")]),
    ("the root declares who comes later", []),
    ("the root declares nobody", [no_agent("Level")]),
    ("switched off", []),
    ("the bridge as root of a scene", [no_agent("Alone")]),
    ("with an agent", []),
    ("which is none any more", [no_agent("Alone")]),
    ("with a node of many agents", []),
]


def test_bridge_shows_warnings_while_the_scene_is_edited(
    engine: Engine, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_probe(copy, (PROBE / "probe.gd").read_text())
    for name in ("three", "whole", "declaring", "many"):
        (copy / f"{name}.gd").write_text((PROBE / f"{name}.gd").read_text())
    for name, root in (("level", '[node name="Level" type="Node2D"]'), ("alone", "")):
        bridge = 'name="MarlBridge" type="Node" parent="."' if root else 'name="Alone" type="Node"'
        text = f'[gd_scene format=3]\n\n{BRIDGE}\n\n{root}\n\n[node {bridge}]\nscript = ExtResource("1")\n'
        (copy / f"{name}.tscn").write_text(text)
    with socket.create_server(("127.0.0.1", 0)) as python:
        python.setblocking(False)
        monkeypatch.setenv("GODOT_MARL_URL", f"ws://127.0.0.1:{python.getsockname()[1]}")
        output = edit(engine, copy)
        with pytest.raises(BlockingIOError):  # in the editor the bridge does not connect
            python.accept()
    shown = [json.loads(line[6:]) for line in output.splitlines() if line.startswith("SHOWN ")]
    assert [(what, texts) for what, _, texts in shown] == SHOWN, output
    for _, tooltip, texts in shown:  # and the scene dock shows just that beside the bridge
        assert [text.strip() for text in tooltip.split("•")[1:]] == texts
    others = "\n".join(line for line in output.splitlines() if not line.startswith("SHOWN "))
    assert not TROUBLE.search(others), others


# -- The script template -----------------------------------------------------------------------------------------------


def test_plugin_brings_the_template(project: tuple[Path, str]) -> None:
    folder, output = project
    assert not TROUBLE.search(output), output
    assert (folder / TEMPLATE).read_text() == (folder / "addons" / "godot_marl" / TEMPLATE).read_text()
    assert (folder / "script_templates" / ".gdignore").read_bytes() == b""


def test_plugin_never_overwrites_a_template(engine: Engine, copy: Path) -> None:
    (copy / TEMPLATE).write_text("# mine\n")
    edit(engine, copy, "--quit")
    assert (copy / TEMPLATE).read_text() == "# mine\n"


def test_template_goes_where_the_project_has_its_templates(engine: Engine, copy: Path) -> None:
    shutil.rmtree(copy / "script_templates")
    with (copy / "project.godot").open("a") as settings:
        settings.write('\n[editor]\n\nscript/templates_search_path="res://my/templates"\n')
    folder = copy / "my" / "templates"
    (folder / "Node2D").mkdir(parents=True)
    (folder / "Node2D" / "own.gd").write_text("extends _BASE_\n")
    edit(engine, copy, "--quit")
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.gd*") if path.suffix != ".uid"} == {
        "Node2D/own.gd",
        "Node/marl_agent.gd",
        "Node/.gdignore",
    }
    assert not (copy / "script_templates").exists()


DISABLE = """\
@tool
extends EditorPlugin


func _ready() -> void:
	_disable.call_deferred()


func _disable() -> void:
	while EditorInterface.get_resource_filesystem().is_scanning():
		await get_tree().process_frame
	EditorInterface.set_plugin_enabled("godot_marl", false)
	get_tree().quit()
"""


@pytest.mark.parametrize("mine", ["", "# mine\n"])
def test_disabling_the_plugin_takes_away_an_unchanged_template(engine: Engine, copy: Path, mine: str) -> None:
    template = copy / TEMPLATE
    assert template.is_file()
    if mine:
        template.write_text(mine)
    add_probe(copy, DISABLE)
    output = edit(engine, copy)
    assert not TROUBLE.search(output), output
    assert (copy / "script_templates").exists() == bool(mine)
    if mine:
        assert template.read_text() == mine


SCENE = f"""\
[gd_scene format=3]

{BRIDGE}
[ext_resource type="Script" path="res://hero.gd" id="2"]

[node name="Level" type="Node2D"]

[node name="Hero" type="BASE" parent="."]
script = ExtResource("2")

[node name="MarlBridge" type="Node" parent="."]
script = ExtResource("1")
"""


@pytest.mark.parametrize("base", ["Node2D", "CharacterBody3D"])
def test_script_made_of_the_template_is_an_agent(copy: Path, base: str) -> None:
    template = (copy / TEMPLATE).read_text()
    (copy / "hero.gd").write_text(template.replace("_BASE_", base))
    (copy / "level.tscn").write_text(SCENE.replace("BASE", base))
    env = godot_marl.parallel_env(copy, scene="level.tscn")
    observations, _ = env.reset(seed=1)
    assert observations["hero_0"].tolist() == [1.0]
    observations, rewards, terminations, truncations, _ = env.step({"hero_0": 1})
    assert observations["hero_0"].tolist() == [2.0]
    assert (rewards, terminations, truncations) == ({"hero_0": 0.0}, {"hero_0": False}, {"hero_0": False})
    env.close()

"""What scenes and scripts of users hold on to in the addon, as the real engine sees it.

The expected values are written down here. All of them have to stay; adding a property, a method or an argument with a
default is allowed.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from godot_marl.cli import main

pytestmark = pytest.mark.godot

SCRIPT = Path(__file__).parents[1] / "gdscript" / "interface.gd"
PROJECT = 'config_version=5\n\n[application]\n\nconfig/features=PackedStringArray("4.5")\n'
# Scenes have this path in them.
BRIDGE = "res://addons/godot_marl/marl_bridge.gd"
SPACE = "res://addons/godot_marl/marl_space.gd"
OTHER_FILES = ["plugin.cfg", "plugin.gd", "icon.svg", "script_templates/Node/marl_agent.gd"]

# Type and default, as Godot writes it.
EXPORTS = {
    "enabled": ["bool", "true"],
    "step_length": ["int", "1"],
    "arena_root": ["Node", "null"],
    "settle_frames": ["int", "0"],
    "address": ["String", '"ws://127.0.0.1:8000"'],
    "certificate": ["X509Certificate", "null"],
    "connect_timeout": ["float", "10.0"],
}
# The arguments with their types, and the defaults of those that have one; and what is returned.
BRIDGE_METHODS: dict[str, tuple[list[list[str]], str]] = {"find_arena_root": ([], "Node")}
SPACE_METHODS: dict[str, tuple[list[list[str]], str]] = {
    "discrete": ([["n", "int"], ["start", "int", "0"]], "Dictionary"),
    "multi_discrete": ([["nvec", "Array"]], "Dictionary"),
    "multi_binary": ([["n", "int"]], "Dictionary"),
    "box": ([["low", "Array"], ["high", "Array"], ["dtype", "String", '"float32"']], "Dictionary"),
    "box_of_shape": (
        [["shape", "Array"], ["low", "float", "inf_neg"], ["high", "float", "inf"], ["dtype", "String", '"float32"']],
        "Dictionary",
    ),
    "image": ([["height", "int"], ["width", "int"], ["channels", "int", "3"]], "Dictionary"),
    "dict": ([["spaces", "Dictionary"]], "Dictionary"),
    "tuple": ([["spaces", "Array"]], "Dictionary"),
    "like": ([["observation", "Variant"]], "Dictionary"),
    "problem_of": ([["space", "Dictionary"]], "String"),
}
SPACE_CONSTANTS = {
    "DTYPES": 'PackedStringArray("float32", "float64", "int8", "int16", "int32", "int64", "uint8")',
    "MOST_ELEMENTS": "67108864",
}


def run(*arguments: str | Path) -> str:
    """What `godot-marl` prints."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with nothing but the addon."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "project.godot").write_text(PROJECT)
    (folder / SCRIPT.name).write_bytes(SCRIPT.read_bytes())
    run("addon", "install", folder)
    return folder


@pytest.fixture(scope="module")
def found(project: Path) -> dict[str, dict[str, Any]]:
    """What each script offers, by its path."""
    godot = [run("engine", "path"), "--headless", "--path", str(project)]
    subprocess.run([*godot, "--import"], capture_output=True, timeout=90, check=True)
    command = [*godot, "--quit-after", "100", "--script", SCRIPT.name, "--", BRIDGE, SPACE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "SCRIPT ERROR" not in done.stderr, done.stderr
    offers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {offer["path"]: offer for offer in offers}


def test_both_classes_are_where_they_were(found: dict[str, dict[str, Any]]) -> None:
    assert (found[BRIDGE]["class"], found[BRIDGE]["base"]) == ("MarlBridge", "Node")
    assert (found[SPACE]["class"], found[SPACE]["base"]) == ("MarlSpace", "RefCounted")


@pytest.mark.parametrize("name", OTHER_FILES)
def test_files_that_projects_name_are_where_they_were(project: Path, name: str) -> None:
    assert (project / "addons" / "godot_marl" / name).is_file()


@pytest.mark.parametrize("name", EXPORTS)
def test_every_property_of_the_bridge_has_its_type_and_default(found: dict[str, dict[str, Any]], name: str) -> None:
    assert found[BRIDGE]["exports"][name] == EXPORTS[name]


@pytest.mark.parametrize("name", SPACE_CONSTANTS)
def test_every_constant_of_marl_space_has_its_value(found: dict[str, dict[str, Any]], name: str) -> None:
    assert found[SPACE]["constants"][name] == SPACE_CONSTANTS[name]


@pytest.mark.parametrize(
    ("path", "name"), [*((BRIDGE, name) for name in BRIDGE_METHODS), *((SPACE, name) for name in SPACE_METHODS)]
)
def test_every_method_is_called_as_it_was(found: dict[str, dict[str, Any]], path: str, name: str) -> None:
    arguments, returns = (BRIDGE_METHODS if path == BRIDGE else SPACE_METHODS)[name]
    method = found[path]["methods"][name]
    assert method["arguments"][: len(arguments)] == arguments
    assert all(len(added) == 3 for added in method["arguments"][len(arguments) :])
    assert method["returns"] == returns
    assert method["static"] == (path == SPACE)

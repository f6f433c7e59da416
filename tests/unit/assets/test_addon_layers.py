"""The folders of the addon are layers: a script preloads others of its own folder, or of a lower one."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from godot_marl.assets.install import install_addon

PRELOADED = re.compile(r'"res://addons/godot_marl/([^"]+\.gd)"')
# Which folders the scripts of a folder may use beside their own.
ALLOWED: dict[str, set[str]] = {
    ".": {"editor", "session", "transport", "protocol/spaces"},
    "editor": {"agents"},
    "session": {"arena", "agents", "transport", "protocol"},
    "arena": {"agents", "protocol", "protocol/spaces"},
    "agents": {"protocol", "protocol/spaces"},
    "transport": {"protocol"},
    "protocol": set(),
    "protocol/spaces": {"protocol"},
}
# The builder of spaces lies beside the bridge, because scenes name it, and uses no more than protocol/spaces.
SPACE_BUILDER = "marl_space.gd"
# What goes up: the editor's warnings are about the bridge's properties.
UPWARD = {("editor/marl_scene_warnings.gd", "marl_bridge.gd")}
# Scripts that know each other's types, in a circle.
CIRCLES = [
    {f"agents/marl_{name}.gd" for name in ("agent", "agent_group", "group_validator")},
    {"editor/marl_scene_warnings.gd", "marl_bridge.gd"},
]


def preloads(addon: Path) -> dict[str, set[str]]:
    """By script of the addon the others that it names."""
    scripts = [path for path in addon.rglob("*.gd") if "script_templates" not in path.parts]
    named = {path.relative_to(addon).as_posix(): set(PRELOADED.findall(path.read_text())) for path in scripts}
    return {script: others - {script} for script, others in named.items()}


def folder_of(script: str) -> str:
    return PurePosixPath(script).parent.as_posix()


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    found, waiting = set[str](), [start]
    while waiting:
        new = graph[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def test_a_script_uses_its_own_folder_and_those_below(tmp_path: Path) -> None:
    (tmp_path / "project.godot").touch()
    graph = preloads(install_addon(tmp_path))
    assert {folder_of(script) for script in graph} == set(ALLOWED)
    upward = {
        (script, other)
        for script, others in graph.items()
        for other in others - {SPACE_BUILDER}
        if folder_of(other) not in ALLOWED[folder_of(script)] | {folder_of(script)}
    }
    assert upward == UPWARD
    assert {folder_of(other) for other in graph[SPACE_BUILDER]} == {"protocol/spaces"}


def test_only_known_scripts_name_each_other_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "project.godot").touch()
    graph = preloads(install_addon(tmp_path))
    reached = {script: reachable(graph, script) for script in graph}
    circles = {frozenset(o for o in reached[s] if s in reached[o]) for s in graph if s in reached[s]}
    assert circles == {frozenset(circle) for circle in CIRCLES}

"""Finds GymGodot's node in a Godot 3 project, independent of file names, and the node's agents."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from pathlib import Path

from godot_marl.gymgodot.migration.scenes import SceneText, Section

METHODS = ("apply_action", "get_observation", "get_reward", "reset", "is_done")

_EXPORT = r"^\s*export\b.*\bvar\s+{}\b"


@dataclass(frozen=True)
class Use:
    """GymGodot's node in a scene.

    Attributes:
        scene: The scene's file, relative to the project's folder.
        node: The node.
        step_length: The physics frames of a step.
        enabled: Whether the node is enabled.
        agent: The agent's node path from the scene's root; None if there is no such node.
    """

    scene: str
    node: Section
    step_length: str
    enabled: bool
    agent: str | None


class GymGodotFiles:
    """The files of a project that have or use GymGodot's node.

    Attributes:
        texts: The text of each script, scene and resource, by file.
        scripts: The scripts of the node.
        scenes: The scenes whose root is the node.
        helpers: The scripts that only these scenes use, such as that of its socket.
        uses: The nodes in the scenes of the game.
    """

    def __init__(self, project: Path) -> None:
        self.texts = {
            path.relative_to(project).as_posix(): path.read_text(encoding="utf-8", errors="replace")
            for path in sorted(project.rglob("*"))
            if path.suffix in (".gd", ".tscn", ".tres") and path.is_file() and not _is_hidden(path.relative_to(project))
        }
        self._parsed = {name: SceneText(text) for name, text in self.texts.items() if name.endswith(".tscn")}
        self.scripts = {n for n, text in self.texts.items() if n.endswith(".gd") and _is_node_script(text)}
        self.scenes = {name for name, scene in self._parsed.items() if self._is_node_scene(scene)}
        self.helpers = self._find_helpers()
        self.uses = [use for name in self._parsed if name not in self.scenes for use in self._uses_in(name)]

    @property
    def obsolete(self) -> set[str]:
        """The files that a project with the bridge does not need."""
        return self.scripts | self.scenes | self.helpers

    def scene(self, name: str) -> SceneText:
        """Return a scene of the project."""
        return self._parsed[name]

    def agent_script(self, use: Use) -> str | None:
        """Return the file of the agent's script; None if there is none."""
        if use.agent is None:
            return None
        scene = self._parsed[use.scene]
        node = scene.node(use.agent)
        while node is not None:
            script = scene.script_of(node)
            if script:
                return _relative(script)
            inner = self._parsed.get(_relative(scene.scene_of(node)))
            if inner is None:
                return None
            scene, node = inner, inner.root
        return None

    def missing_methods(self, script: str) -> list[str]:
        """Return those of the five methods that neither a script nor its base script has."""
        text = self.texts.get(script, "")
        base = re.search(r'^extends\s+"(?:res://)?([^"]+)"', text, re.MULTILINE)
        missing = [name for name in METHODS if not re.search(rf"^func {name}\s*\(", text, re.MULTILINE)]
        if base and missing and base[1] in self.texts and base[1] != script:
            inherited = self.missing_methods(base[1])
            return [name for name in missing if name in inherited]
        return missing

    def _is_node_scene(self, scene: SceneText) -> bool:
        return scene.root is not None and _relative(scene.script_of(scene.root)) in self.scripts

    def _find_helpers(self) -> set[str]:
        used_by: dict[str, set[str]] = {}
        for name, scene in self._parsed.items():
            for section in scene.of_kind("ext_resource"):
                used_by.setdefault(_relative(section.text("path")), set()).add(name)
        helpers = {n for n, users in used_by.items() if n.endswith(".gd") and users <= self.scenes} - self.scripts
        others = "\n".join(text for n, text in self.texts.items() if n not in self.scenes | self.scripts | helpers)
        return {name for name in helpers if f"res://{name}" not in others}

    def _uses_in(self, name: str) -> list[Use]:
        scene = self._parsed[name]
        uses = []
        for node in scene.of_kind("node"):
            inner = _relative(scene.scene_of(node))
            script = _relative(scene.script_of(node))
            if inner in self.scenes or script in self.scripts:
                uses.append(self._use(name, node, inner, script))
        return uses

    def _use(self, name: str, node: Section, inner: str, script: str) -> Use:
        root = self._parsed[inner].root if inner in self.scenes else None
        properties = {**(root.properties if root else {}), **node.properties}
        if root is not None:
            script = _relative(self._parsed[inner].script_of(root))
        match = re.search(r"\bvar\s+stepLength\b[^=\n]*=\s*(\d+)", self.texts.get(script, ""))
        target = re.match(r'NodePath\(\s*"([^"]*)"\s*\)', properties.get("environmentNode", ""))
        agent = posixpath.normpath(posixpath.join(node.path, target[1])) if target else None
        if agent is not None and self._parsed[name].node(agent) is None:
            agent = None
        length = properties.get("stepLength", match[1] if match else "1")
        return Use(name, node, length, properties.get("enabled", "true") != "false", agent)


def _is_node_script(text: str) -> bool:
    return all(re.search(_EXPORT.format(name), text, re.MULTILINE) for name in ("stepLength", "environmentNode"))


def _relative(path: str) -> str:
    return path.removeprefix("res://")


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)

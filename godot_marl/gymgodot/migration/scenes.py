"""Parses the text of a scene file into sections, and replaces GymGodot's node with the bridge."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field

BRIDGE = "res://addons/godot_marl/marl_bridge.gd"

_HEADER = re.compile(r"^\[(\w+)((?:\s+\w+\s*=.*)?)\]\s*$")
_ATTRIBUTE = re.compile(r'(\w+)\s*=\s*("(?:[^"\\]|\\.)*"|\w+\([^)]*\)|\[[^\]]*\]|[^\s\]]+)')
_PROPERTY = re.compile(r"^([\w/:]+)\s*=\s*(.*)$")
_REFERENCE = re.compile(r'^ExtResource\(\s*"?([^")\s]+)"?\s*\)$')


@dataclass
class Section:
    """A section of a scene file: a `[...]` header with the lines below it.

    Attributes:
        kind: The header's first word, such as "node" or "ext_resource"; empty before the first header.
        line: The header's line in the file, from 1.
        lines: The lines, of which the first is the header.
    """

    kind: str
    line: int
    lines: list[str] = field(default_factory=list)

    @property
    def attributes(self) -> dict[str, str]:
        """The header's attributes as text, with their quotes."""
        match = _HEADER.match(self.lines[0]) if self.lines else None
        return dict(_ATTRIBUTE.findall(match[2])) if match else {}

    def text(self, name: str) -> str:
        """Return an attribute without its quotes; empty if it is missing."""
        return self.attributes.get(name, "").strip('"')

    @property
    def properties(self) -> dict[str, str]:
        """The properties as text; of a value with several lines, only the first."""
        matches = (_PROPERTY.match(line) for line in self.lines[1:])
        return {match[1]: match[2].strip() for match in matches if match}

    def line_of(self, name: str) -> int:
        """Return the line of a property in the file, or that of the header if the property is missing."""
        return next((self.line + i for i, line in enumerate(self.lines) if re.match(rf"{name}\s*=", line)), self.line)

    @property
    def path(self) -> str:
        """The node's path from the scene's root; "." for the root."""
        parent = self.attributes.get("parent")
        return "." if parent is None else posixpath.normpath(posixpath.join(parent.strip('"'), self.text("name")))


class SceneText:
    """A scene file.

    Args:
        text: The file's content.
    """

    def __init__(self, text: str) -> None:
        self.sections = [Section("", 1)]
        for number, line in enumerate(text.splitlines(), 1):
            match = _HEADER.match(line)
            if match:
                self.sections.append(Section(match[1], number))
            self.sections[-1].lines.append(line)

    def __str__(self) -> str:
        return "\n".join(line for section in self.sections for line in section.lines) + "\n"

    def of_kind(self, kind: str) -> list[Section]:
        """Return the sections of one kind, in order."""
        return [section for section in self.sections if section.kind == kind]

    @property
    def root(self) -> Section | None:
        """The root node, or None."""
        return next((node for node in self.of_kind("node") if node.path == "."), None)

    def node(self, path: str) -> Section | None:
        """Return the node at a path from the root, or None."""
        return next((node for node in self.of_kind("node") if node.path == path), None)

    def resource_of(self, value: str) -> str:
        """Return the `res://` path of an `ExtResource( 1 )`; empty if there is none."""
        match = _REFERENCE.match(value)
        if match is None:
            return ""
        paths = (section.text("path") for section in self.of_kind("ext_resource") if section.text("id") == match[1])
        return next(paths, "")

    def script_of(self, node: Section) -> str:
        """Return the `res://` path of a node's script; empty if it has none in this scene."""
        return self.resource_of(node.properties.get("script", ""))

    def scene_of(self, node: Section) -> str:
        """Return the `res://` path of the scene of an instance; empty if the node is not an instance."""
        return self.resource_of(node.attributes.get("instance", ""))

    def put_bridge(self, node: Section, properties: dict[str, str]) -> None:
        """Replace a node with a MarlBridge, and remove the resources, nodes and connections that belonged to it.

        Args:
            node: The node, which is not the root.
            properties: The bridge's properties as text.
        """
        path = node.path
        old_resources = self.scene_of(node), self.script_of(node)
        new_id = 1 + max(
            (int(s.text("id")) for s in self.of_kind("ext_resource") if s.text("id").isdecimal()), default=0
        )
        lines = [
            f'[node name="MarlBridge" type="Node" parent={node.attributes["parent"]}]',
            f"script = ExtResource( {new_id} )",
        ]
        lines += [f"{name} = {value}" for name, value in properties.items()]
        self.sections[self.sections.index(node)] = Section("node", node.line, [*lines, ""])
        self.sections = [s for s in self.sections if not _belongs_to(s, path)]
        for section in self.of_kind("ext_resource"):
            if section.text("path") in old_resources and not self._is_used(section.text("id")):
                self.sections.remove(section)
        last = max((i for i, s in enumerate(self.sections) if s.kind == "ext_resource"), default=1)
        resource = Section("ext_resource", 0, [f'[ext_resource path="{BRIDGE}" type="Script" id={new_id}]'])
        if self.sections[last].kind == "ext_resource":
            # Move the blank lines after the last resource behind the new one.
            while len(self.sections[last].lines) > 1 and not self.sections[last].lines[-1].strip():
                resource.lines.append(self.sections[last].lines.pop())
        else:
            resource.lines.append("")
        self.sections.insert(last + 1, resource)

    def _is_used(self, resource_id: str) -> bool:
        pattern = re.compile(rf'ExtResource\(\s*"?{re.escape(resource_id)}"?\s*\)')
        return any(pattern.search("\n".join(section.lines)) for section in self.sections)


def _belongs_to(section: Section, path: str) -> bool:
    """Whether a section is a node below a removed node, or a connection of one of them."""
    match section.kind:
        case "node":
            return section.path.startswith(f"{path}/")
        case "connection":
            ends = (posixpath.normpath(section.text("from")), posixpath.normpath(section.text("to")))
            return any(end == path or end.startswith(f"{path}/") for end in ends)
        case "editable":
            return section.text("path") == path
    return False

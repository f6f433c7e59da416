"""The text of a scene file: its sections, and the exchange of GymGodot's node for the bridge."""

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
    """One `[...]` of a scene file with what follows it.

    Attributes:
        kind: "node", "ext_resource", ...
        line: Its line in the file, from 1.
        lines: Its text; the first is the header.
    """

    kind: str
    line: int
    lines: list[str] = field(default_factory=list)

    @property
    def attributes(self) -> dict[str, str]:
        """What stands in the header, as it stands there."""
        match = _HEADER.match(self.lines[0]) if self.lines else None
        return dict(_ATTRIBUTE.findall(match[2])) if match else {}

    def text(self, name: str) -> str:
        """An attribute without its quotes; empty if it is not there."""
        return self.attributes.get(name, "").strip('"')

    @property
    def properties(self) -> dict[str, str]:
        """The properties in single lines, as they stand there."""
        found = (_PROPERTY.match(line) for line in self.lines[1:])
        return {match[1]: match[2].strip() for match in found if match}

    def line_of(self, name: str) -> int:
        """The line of a property in the file."""
        return next((self.line + i for i, line in enumerate(self.lines) if re.match(rf"{name}\s*=", line)), self.line)

    @property
    def path(self) -> str:
        """A node's path from the scene's root; "." for the root."""
        parent = self.attributes.get("parent")
        return "." if parent is None else posixpath.normpath(posixpath.join(parent.strip('"'), self.text("name")))


class SceneText:
    """A scene file.

    Args:
        text: What is in it.
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
        """The sections of one kind, in order."""
        return [section for section in self.sections if section.kind == kind]

    @property
    def root(self) -> Section | None:
        """The root node."""
        return next((node for node in self.of_kind("node") if node.path == "."), None)

    def node(self, path: str) -> Section | None:
        """The node at a path from the root."""
        return next((node for node in self.of_kind("node") if node.path == path), None)

    def resource_of(self, value: str) -> str:
        """The `res://` path that an `ExtResource( 1 )` stands for; empty if there is none."""
        match = _REFERENCE.match(value)
        if match is None:
            return ""
        found = (section.text("path") for section in self.of_kind("ext_resource") if section.text("id") == match[1])
        return next(found, "")

    def script_of(self, node: Section) -> str:
        """The `res://` path of a node's own script; empty if it has none in this scene."""
        return self.resource_of(node.properties.get("script", ""))

    def scene_of(self, node: Section) -> str:
        """The `res://` path of the scene that a node is an instance of; empty if it is none."""
        return self.resource_of(node.attributes.get("instance", ""))

    def put_bridge(self, node: Section, properties: dict[str, str]) -> None:
        """Put a MarlBridge where `node` is, and forget what only that node needed."""
        path = node.path
        used = self.scene_of(node), self.script_of(node)
        free = 1 + max((int(s.text("id")) for s in self.of_kind("ext_resource") if s.text("id").isdecimal()), default=0)
        here = self.sections.index(node)
        lines = [
            f'[node name="MarlBridge" type="Node" parent={node.attributes["parent"]}]',
            f"script = ExtResource( {free} )",
        ]
        lines += [f"{name} = {value}" for name, value in properties.items()]
        self.sections[here] = Section("node", node.line, [*lines, ""])
        self.sections = [s for s in self.sections if not _is_of(s, path)]
        for section in self.of_kind("ext_resource"):
            if section.text("path") in used and not self._is_used(section.text("id")):
                self.sections.remove(section)
        last = max((i for i, s in enumerate(self.sections) if s.kind == "ext_resource"), default=1)
        resource = Section("ext_resource", 0, [f'[ext_resource path="{BRIDGE}" type="Script" id={free}]'])
        if self.sections[last].kind == "ext_resource":
            # The blank line behind the last of them stays behind the last of them.
            while len(self.sections[last].lines) > 1 and not self.sections[last].lines[-1].strip():
                resource.lines.append(self.sections[last].lines.pop())
        else:
            resource.lines.append("")
        self.sections.insert(last + 1, resource)

    def _is_used(self, number: str) -> bool:
        pattern = re.compile(rf'ExtResource\(\s*"?{re.escape(number)}"?\s*\)')
        return any(pattern.search("\n".join(section.lines)) for section in self.sections)


def _is_of(section: Section, path: str) -> bool:
    """True for what is below a node that is gone, and for what connects to it."""
    match section.kind:
        case "node":
            return section.path.startswith(f"{path}/")
        case "connection":
            ends = (posixpath.normpath(section.text("from")), posixpath.normpath(section.text("to")))
            return any(end == path or end.startswith(f"{path}/") for end in ends)
        case "editable":
            return section.text("path") == path
    return False

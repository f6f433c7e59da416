"""Rewrites scenes, scripts and settings where Godot's converter does not, because it only changes names."""

from __future__ import annotations

import re

from godot_marl.gymgodot.migration.scenes import SceneText, Section

_VECTOR = re.compile(r"^Vector[23]\(([^)]*)\)$")
# Godot 3's defaults that differ from Godot 4's; a scene file omits the defaults of its engine.
_DEFAULTS = {
    "BoxShape3D": {"size": "Vector3( 2, 2, 2 )"},
    "SphereShape3D": {"radius": "1.0"},
    "CapsuleShape3D": {"radius": "1.0", "height": "3.0"},
    "CylinderShape3D": {"radius": "1.0", "height": "2.0"},
    "BoxMesh": {"size": "Vector3( 2, 2, 2 )"},
    "SphereMesh": {"radius": "1.0", "height": "2.0"},
    "CapsuleMesh": {"radius": "1.0", "height": "3.0"},
    "CylinderMesh": {"top_radius": "1.0", "bottom_radius": "1.0", "height": "2.0"},
    "PrismMesh": {"size": "Vector3( 2, 2, 2 )"},
}
_HALF_SIZE_TYPES = {"BoxShape3D", "RectangleShape2D"}
# Types whose height in Godot 3 excludes the caps, with their default radius.
_CAPSULES = {"CapsuleShape3D": "1.0", "CapsuleMesh": "1.0", "CapsuleShape2D": "10.0"}
_BODIES = {"RigidBody3D", "RigidBody2D"}
_MODES = {"1": ["freeze = true"], "2": ["lock_rotation = true"], "3": ["freeze = true", "freeze_mode = 1"]}
_PROPERTIES = (
    (r"^nodes/node_([ab])\b", r"node_\1"),
    (r"^solver/priority\b", "solver_priority"),
    (r"^collision/exclude_nodes\b", "exclude_nodes_from_collision"),
    (r"^material/(\d+)\b", r"surface_material_override/\1"),
)
_SCRIPT = (
    (r"^class_name (\w+),\s*(\"[^\"]*\")", r"@icon(\2)\nclass_name \1"),
    (r"^@export\((\w+)\) onready var (\w+)", r"@export var \2: \1"),
    (r"\bidle_frame\b", "process_frame"),
    (r"\bfuncref\(", "Callable("),
    (r"\.call_func\(", ".call("),
    (r"\.invert\(\)", ".reverse()"),
    # These functions return a Variant in Godot 4, from which no type can be inferred.
    (r":=(\s*-?(?:abs|sign|min|max|clamp|lerp|snapped|wrap|floor|ceil|round)\()", r"=\1"),
)


def modern_scene(text: str) -> str:
    """Return the text of a scene or resource file, after Godot's converter, with Godot 4's format and properties."""
    scene = SceneText(text)
    for section in scene.sections:
        if section.kind in ("gd_scene", "gd_resource"):
            section.lines[0] = section.lines[0].replace("format=2", "format=3")
        kind = section.text("type")
        if section.kind in ("node", "sub_resource", "resource"):
            section.lines = [_renamed(line) for line in section.lines]
        if section.kind in ("sub_resource", "resource"):
            # A resource file has its type in the first line.
            head = scene.of_kind("gd_resource")
            _modern_shape(section, kind or (head[0].text("type") if head else ""))
        elif kind in _BODIES:
            _modern_body(section)
    return str(scene)


def has_capsules(text: str) -> bool:
    """Whether a converted scene has 3D capsules, whose axis differs in Godot 4."""
    return bool(re.search(r'type="Capsule(Shape3D|Mesh)"', text))


def modern_script(text: str) -> str:
    """Return the text of a script, after Godot's converter, with the changes that the converter lacks."""
    for pattern, replacement in _SCRIPT:
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    return text


def before_conversion(text: str) -> str:
    """Return the text of a Godot 3 script without the calls that the converter would break."""
    text = re.sub(r"\bparse_json\(", "JSON.parse_string(", text)
    parts = text.split("JSON.parse(")
    for i in range(1, len(parts)):
        end = _closing_parenthesis(parts[i])
        if parts[i][end:].startswith(").result"):
            parts[i] = parts[i][: end + 1] + parts[i][end + len(").result") :]
            parts[i - 1] += "JSON.parse_string("
        else:
            parts[i - 1] += "JSON.parse("
    return "".join(parts)


def modern_settings(text: str) -> str:
    """Return the text of a project.godot, after Godot's converter, with the settings that the converter lacks."""
    text = re.sub(r"^common/physics_fps=", "common/physics_ticks_per_second=", text, flags=re.MULTILINE)
    text = re.sub(r'^3d/physics_engine="?(Bullet|DEFAULT|GodotPhysics)"?\n', "", text, flags=re.MULTILINE)
    text = re.sub(
        r"^(3d/active_soft_world=.*|_global_script_class\w*=[^\n]*\n(?:[^\[\n].*\n)*)\n?", "", text, flags=re.MULTILINE
    )
    return re.sub(
        r'^quality/driver/driver_name="GLES\d"',
        'renderer/rendering_method="gl_compatibility"\nrenderer/rendering_method.mobile="gl_compatibility"',
        text,
        flags=re.MULTILINE,
    )


def _renamed(line: str) -> str:
    for pattern, replacement in _PROPERTIES:
        line = re.sub(pattern, replacement, line)
    return line


def _modern_shape(section: Section, kind: str) -> None:
    properties = section.properties
    if kind in _HALF_SIZE_TYPES and "extents" in properties:
        _replace(section, "extents", "size", _doubled(properties["extents"]))
    if kind in _CAPSULES:
        name = "mid_height" if "mid_height" in properties else "height"
        height = properties.get(name, "20.0" if kind == "CapsuleShape2D" else "1.0")
        radius = properties.get("radius", _CAPSULES[kind])
        _replace(section, name, "height", str(float(height) + 2 * float(radius)))
    for name, value in _DEFAULTS.get(kind, {}).items():
        if name not in section.properties:
            section.lines.insert(1, f"{name} = {value}")


def _modern_body(section: Section) -> None:
    properties = section.properties
    for name in ("linear_damp", "angular_damp"):
        # In Godot 3, -1 means the project's damping, and other values replace it; mode 1 keeps that in Godot 4.
        if float(properties.get(name, "-1")) < 0:
            _replace(section, name, None)
        else:
            section.lines.insert(1 + _index_of(section, name), f"{name}_mode = 1")
    if "mode" in properties:
        index = _index_of(section, "mode")
        section.lines[index : index + 1] = _MODES.get(properties["mode"], [])


def _index_of(section: Section, name: str) -> int:
    return next(i for i, line in enumerate(section.lines) if re.match(rf"{name}\s*=", line))


def _replace(section: Section, name: str, new_name: str | None, value: str = "") -> None:
    """Replace a property, or add it if it is missing; a new name of None removes it."""
    lines = [] if new_name is None else [f"{new_name} = {value}"]
    if name in section.properties:
        index = _index_of(section, name)
        section.lines[index : index + 1] = lines
    elif lines:
        section.lines.insert(1, lines[0])


def _doubled(vector: str) -> str:
    match = _VECTOR.match(vector)
    if match is None:
        return vector
    numbers = ", ".join(f"{2 * float(number):g}" for number in match[1].split(","))
    return f"{vector.partition('(')[0]}( {numbers} )"


def _closing_parenthesis(text: str) -> int:
    """Return the index of the parenthesis that closes one opened before the text."""
    depth = 1
    for i, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0:
            return i
    return len(text)

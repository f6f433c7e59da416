"""What Godot's own converter leaves behind in scenes, scripts and settings, because it changes names only."""

from __future__ import annotations

import re

from godot_marl.migration.scenes import SceneText, Section

_VECTOR = re.compile(r"^Vector[23]\(([^)]*)\)$")
# Godot 3's own values where Godot 4 has others; a scene file names only what differs from its engine's.
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
_HALVES = {"BoxShape3D", "RectangleShape2D"}
# Their height was that of the middle part alone.
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
    # These answer a Variant now, from which no type can be told.
    (r":=(\s*-?(?:abs|sign|min|max|clamp|lerp|snapped|wrap|floor|ceil|round)\()", r"=\1"),
)


def modern_scene(text: str) -> str:
    """A scene or resource file that Godot's converter has been through, as Godot 4 would have it."""
    scene = SceneText(text)
    for section in scene.sections:
        if section.kind in ("gd_scene", "gd_resource"):
            section.lines[0] = section.lines[0].replace("format=2", "format=3")
        kind = section.text("type")
        if section.kind in ("node", "sub_resource", "resource"):
            section.lines = [_renamed(line) for line in section.lines]
        if section.kind in ("sub_resource", "resource"):
            # A resource file has the type in its first line.
            head = scene.of_kind("gd_resource")
            _modern_shape(section, kind or (head[0].text("type") if head else ""))
        elif kind in _BODIES:
            _modern_body(section)
    return str(scene)


def has_capsules(text: str) -> bool:
    """True if a converted scene has capsules of three dimensions, which lie along another axis now."""
    return bool(re.search(r'type="Capsule(Shape3D|Mesh)"', text))


def modern_script(text: str) -> str:
    """A script that Godot's converter has been through, with what it does not know."""
    for pattern, becomes in _SCRIPT:
        text = re.sub(pattern, becomes, text, flags=re.MULTILINE)
    return text


def before_conversion(text: str) -> str:
    """A script of Godot 3 without what its converter makes a mess of."""
    text = re.sub(r"\bparse_json\(", "JSON.parse_string(", text)
    parts = text.split("JSON.parse(")
    for i in range(1, len(parts)):
        end = _closing(parts[i])
        if parts[i][end:].startswith(").result"):
            parts[i] = parts[i][: end + 1] + parts[i][end + len(").result") :]
            parts[i - 1] += "JSON.parse_string("
        else:
            parts[i - 1] += "JSON.parse("
    return "".join(parts)


def modern_settings(text: str) -> str:
    """A project.godot that Godot's converter has been through, with the settings that it forgets."""
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
    for pattern, becomes in _PROPERTIES:
        line = re.sub(pattern, becomes, line)
    return line


def _modern_shape(section: Section, kind: str) -> None:
    given = section.properties
    if kind in _HALVES and "extents" in given:
        _replace(section, "extents", "size", _doubled(given["extents"]))
    if kind in _CAPSULES:
        name = "mid_height" if "mid_height" in given else "height"
        height = given.get(name, "20.0" if kind == "CapsuleShape2D" else "1.0")
        radius = given.get("radius", _CAPSULES[kind])
        _replace(section, name, "height", str(float(height) + 2 * float(radius)))
    for name, value in _DEFAULTS.get(kind, {}).items():
        if name not in section.properties:
            section.lines.insert(1, f"{name} = {value}")


def _modern_body(section: Section) -> None:
    given = section.properties
    for name in ("linear_damp", "angular_damp"):
        # Minus one was the project's; everything else was instead of it, and would be added to it now.
        if float(given.get(name, "-1")) < 0:
            _replace(section, name, None)
        else:
            section.lines.insert(1 + _place(section, name), f"{name}_mode = 1")
    if "mode" in given:
        lines = _MODES.get(given["mode"], [])
        place = _place(section, "mode")
        section.lines[place : place + 1] = lines


def _place(section: Section, name: str) -> int:
    return next(i for i, line in enumerate(section.lines) if re.match(rf"{name}\s*=", line))


def _replace(section: Section, name: str, new_name: str | None, value: str = "") -> None:
    """Replace a property that may not be there; None takes it away."""
    lines = [] if new_name is None else [f"{new_name} = {value}"]
    if name in section.properties:
        place = _place(section, name)
        section.lines[place : place + 1] = lines
    elif lines:
        section.lines.insert(1, lines[0])


def _doubled(vector: str) -> str:
    match = _VECTOR.match(vector)
    if match is None:
        return vector
    numbers = ", ".join(f"{2 * float(number):g}" for number in match[1].split(","))
    return f"{vector.partition('(')[0]}( {numbers} )"


def _closing(text: str) -> int:
    """The place of the parenthesis that closes one which was opened before the text."""
    depth = 1
    for i, letter in enumerate(text):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth == 0:
            return i
    return len(text)

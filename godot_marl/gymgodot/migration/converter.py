"""What Godot 4 itself does in a migration: its converter, and a look at every script of the result."""

from __future__ import annotations

import re
from pathlib import Path

from godot_marl.engine import Engine
from godot_marl.errors import GameError
from godot_marl.headless import run_headless
from godot_marl.output import script_error_in

_TIMEOUT = 600.0
_LOOKER = "godot_marl_looks.gd"
_LOOKER_CODE = """\
extends SceneTree


func _init() -> void:
	_look("res://")
	quit()


func _look(folder: String) -> void:
	for file in DirAccess.get_files_at(folder):
		if file.get_extension() == "gd" and file != "godot_marl_looks.gd":
			load(folder.path_join(file))
		elif file.get_extension() == "tscn":
			_look_at_scene(folder.path_join(file))
	for inner in DirAccess.get_directories_at(folder):
		if folder.path_join(inner) != "res://addons":
			_look(folder.path_join(inner))


func _look_at_scene(file: String) -> void:
	var scene := load(file) as PackedScene
	if scene == null:
		print("godot-marl: no scene ", file)
		return
	var state := scene.get_state()
	for i in state.get_node_count():
		var type := state.get_node_type(i)
		if not type:
			continue
		var names := {}
		for j in state.get_node_property_count(i):
			names[state.get_node_property_name(i, j)] = state.get_node_property_value(i, j)
		if not ClassDB.class_exists(type):
			print("godot-marl: unknown type ", file, " ", type)
		elif not names.has(&"script"):
			for name: StringName in names:
				_look_at_property(file, type, name, names[name])


func _look_at_property(file: String, type: StringName, name: StringName, value: Variant) -> void:
	# Names with a slash are lists that grow, and old names that still work answer with the new one.
	if "/" in name or not ClassDB.can_instantiate(type):
		return
	var object: Object = ClassDB.instantiate(type)
	var before := var_to_str(object)
	object.set(name, value)
	var known := name in object or var_to_str(object) != before
	if object is Node:
		object.free()
	if not known:
		print("godot-marl: unknown property ", file, " ", type, ".", name)
"""


def convert(engine: Engine, project: Path) -> None:
    """Let Godot's own converter go through a project.

    Raises:
        GameError: It failed.
    """
    # Lines of more letters are left alone without a word; meshes have long ones.
    output, status = _run(engine, project, "--convert-3to4", "65536", "100000000")
    if status != 0 or "Conversion ended" not in output:
        raise GameError(
            "Godot could not convert the project.",
            where=str(project),
            expected="a conversion that ends with exit status 0",
            got=f"exit status {status}, after printing\n{output[-2000:]}",
        )


def complaints(engine: Engine, project: Path) -> list[tuple[str, int, str]]:
    """What Godot 4 does not understand: (file, line, message) of each error of a script, then of each scene."""
    looker = project / _LOOKER
    looker.write_text(_LOOKER_CODE)
    try:
        output, _ = _run(engine, project, "--script", _LOOKER)
    finally:
        looker.unlink()
        looker.with_suffix(".gd.uid").unlink(missing_ok=True)
    found: dict[tuple[str, int, str], None] = {}
    error = script_error_in(output)
    for each in error.script_errors if error else ():
        found[
            str(each["file"]).removeprefix("res://"),
            int(str(each["line"])),
            str(each["message"]).removeprefix("Parse Error: "),
        ] = None
    for what, file, name in re.findall(
        r"^godot-marl: (no scene|unknown \w+) res://(\S+\.tscn) ?(.*)$", output, re.MULTILINE
    ):
        found[file, 0, f"{what} {name}".strip()] = None
    return list(found)


def _run(engine: Engine, project: Path, *arguments: str) -> tuple[str, int | None]:
    try:
        return run_headless(engine, project, *arguments, timeout=_TIMEOUT)
    except TimeoutError as error:
        raise GameError(
            "Godot did not come to an end with the project.",
            where=str(project),
            expected=f"an end within {_TIMEOUT:.0f} s",
            got="none",
        ) from error

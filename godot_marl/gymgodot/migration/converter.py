"""Runs Godot 4 for a migration: its project converter, and a check of every script and scene of the result."""

from __future__ import annotations

import re
from pathlib import Path

from godot_marl.engine import Engine
from godot_marl.errors import GameError
from godot_marl.game.headless import run_headless
from godot_marl.game.log_parser import script_error_in

_TIMEOUT = 600.0
_CHECKER = "godot_marl_checks.gd"
_CHECKER_CODE = """\
extends SceneTree


func _init() -> void:
	_check_folder("res://")
	quit()


func _check_folder(folder: String) -> void:
	for file in DirAccess.get_files_at(folder):
		if file.get_extension() == "gd" and file != "godot_marl_checks.gd":
			load(folder.path_join(file))
		elif file.get_extension() == "tscn":
			_check_scene(folder.path_join(file))
	for inner in DirAccess.get_directories_at(folder):
		if folder.path_join(inner) != "res://addons":
			_check_folder(folder.path_join(inner))


func _check_scene(file: String) -> void:
	var scene := load(file) as PackedScene
	if scene == null:
		print("godot-marl: unreadable scene ", file)
		return
	var state := scene.get_state()
	for i in state.get_node_count():
		var type := state.get_node_type(i)
		if not type:
			continue
		var properties := {}
		for j in state.get_node_property_count(i):
			properties[state.get_node_property_name(i, j)] = state.get_node_property_value(i, j)
		if not ClassDB.class_exists(type):
			print("godot-marl: unknown type ", file, " ", type)
		elif not properties.has(&"script"):
			for name: StringName in properties:
				_check_property(file, type, name, properties[name])


func _check_property(file: String, type: StringName, name: StringName, value: Variant) -> void:
	# Names with a slash are items of growing lists. An old name that still works changes the renamed property.
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
    """Run Godot's project converter on a project, in place.

    Raises:
        GameError: The converter failed.
    """
    # The converter silently skips longer lines, and meshes have long ones.
    output, status = _run(engine, project, "--convert-3to4", "65536", "100000000")
    if status != 0 or "Conversion ended" not in output:
        raise GameError(
            "Godot could not convert the project.",
            where=str(project),
            expected="a conversion that ends with exit status 0",
            got=f"exit status {status}, after printing\n{output[-2000:]}",
        )


def find_errors(engine: Engine, project: Path) -> list[tuple[str, int, str]]:
    """Find the scripts and scenes of a project that Godot 4 rejects.

    Returns:
        The file, line and message of each script error; then of each scene error, whose line is 0.
    """
    checker = project / _CHECKER
    checker.write_text(_CHECKER_CODE)
    try:
        output, _ = _run(engine, project, "--script", _CHECKER)
    finally:
        checker.unlink()
        checker.with_suffix(".gd.uid").unlink(missing_ok=True)
    # A dict, because the same error may be reported several times.
    found: dict[tuple[str, int, str], None] = {}
    error = script_error_in(output)
    for script_error in error.script_errors if error else ():
        found[
            str(script_error["file"]).removeprefix("res://"),
            int(str(script_error["line"])),
            str(script_error["message"]).removeprefix("Parse Error: "),
        ] = None
    for what, file, name in re.findall(
        r"^godot-marl: (unreadable scene|unknown \w+) res://(\S+\.tscn) ?(.*)$", output, re.MULTILINE
    ):
        found[file, 0, f"{what} {name}".strip()] = None
    return list(found)


def _run(engine: Engine, project: Path, *arguments: str) -> tuple[str, int | None]:
    try:
        return run_headless(engine, project, *arguments, timeout=_TIMEOUT)
    except TimeoutError as error:
        raise GameError(
            "Godot did not finish in time.",
            where=str(project),
            expected=f"an exit within {_TIMEOUT:.0f} s",
            got="a process that still runs",
        ) from error

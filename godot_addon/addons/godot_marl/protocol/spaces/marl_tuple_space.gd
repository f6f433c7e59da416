extends "res://addons/godot_marl/protocol/spaces/marl_space_kind.gd"
## Spaces one after the other (protocol, clause 3.6).


func find_problem(space: Dictionary) -> String:
	var spaces: Variant = space.get("spaces")
	if not spaces is Array:
		return "spaces must be an Array"
	return "spaces must not be empty" if (spaces as Array).is_empty() else ""


func members_of(space: Dictionary) -> Dictionary:
	var spaces: Array = space["spaces"]
	var members := {}
	for i in spaces.size():
		members[i] = spaces[i]
	return members


func lay_out(_space: Dictionary, layout: _MarlSpaceLayout) -> void:
	layout.form = _MarlSpaceLayout._Form.IN_ORDER


func find_fault(_space: Dictionary, _value: Variant) -> String:
	return ""


func mask_size_of(_space: Dictionary) -> int:
	return 0


func can_be_masked() -> bool:
	return false


func can_be_grouped() -> bool:
	return false

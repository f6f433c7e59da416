extends "res://addons/godot_marl/protocol/spaces/marl_space_kind.gd"
## Spaces by name (protocol, clause 3.5).


func find_problem(space: Dictionary) -> String:
	var spaces: Variant = space.get("spaces")
	if not spaces is Dictionary:
		return "spaces must be a Dictionary"
	if (spaces as Dictionary).is_empty():
		return "spaces must not be empty"
	for key: Variant in spaces:
		if not key is String:
			return "the names in spaces must be Strings, not %s" % [key]
	return ""


func members_of(space: Dictionary) -> Dictionary:
	var spaces: Dictionary = space["spaces"]
	var names := PackedStringArray(spaces.keys())
	# By code points, as the protocol orders them.
	names.sort()
	var members := {}
	for name in names:
		members[name] = spaces[name]
	return members


func lay_out(_space: Dictionary, layout: _MarlSpaceLayout) -> void:
	layout.form = _MarlSpaceLayout._Form.BY_NAME


func find_fault(_space: Dictionary, _value: Variant) -> String:
	return ""


func mask_size_of(_space: Dictionary) -> int:
	return 0


func can_be_masked() -> bool:
	return false


func can_be_grouped() -> bool:
	return false

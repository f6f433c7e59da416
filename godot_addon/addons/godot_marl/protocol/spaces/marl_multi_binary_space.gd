extends "res://addons/godot_marl/protocol/spaces/marl_space_kind.gd"
## Zeros and ones (protocol, clause 3.4).


func find_problem(space: Dictionary) -> String:
	if not is_count(space.get("n")) or space["n"] > MOST_ELEMENTS:
		return "n must be an integer from 1 to %d" % MOST_ELEMENTS
	return ""


func members_of(_space: Dictionary) -> Dictionary:
	return {}


func lay_out(space: Dictionary, layout: _MarlSpaceLayout) -> void:
	layout.set_numbers(_MarlSpaceLayout._Section.U8, int(space["n"] as float), 0, 1)


func find_fault(_space: Dictionary, value: Variant) -> String:
	for i in (value as Array).size():
		var fault := fault_at(value, i, 0, 1)
		if fault:
			return fault
	return ""


func mask_size_of(_space: Dictionary) -> int:
	return 0


func can_be_masked() -> bool:
	return false


func can_be_grouped() -> bool:
	return true

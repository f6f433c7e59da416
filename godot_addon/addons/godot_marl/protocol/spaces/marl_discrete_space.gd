extends "res://addons/godot_marl/protocol/spaces/marl_space_kind.gd"
## N integers from a start (protocol, clause 3.2).

const _LARGEST_INTEGER := 9223372036854775807.0


func find_problem(space: Dictionary) -> String:
	if not is_integer(space.get("start", 0)):
		return "start must be an integer, not %s" % [space["start"]]
	if not is_count(space.get("n")):
		return "n must be an integer of at least 1"
	var last := float(space.get("start", 0)) + float(space["n"])
	return "" if last <= _LARGEST_INTEGER else "its last integer must fit into 64 bits"


func members_of(_space: Dictionary) -> Dictionary:
	return {}


func lay_out(_space: Dictionary, layout: _MarlSpaceLayout) -> void:
	layout.set_numbers(_MarlSpaceLayout._Section.I64, 1)


func find_fault(space: Dictionary, value: Variant) -> String:
	var start := int(space.get("start", 0) as float)
	return fault_at(value, 0, start, start + int(space["n"] as float) - 1)


func mask_size_of(space: Dictionary) -> int:
	return int(space["n"] as float)


func can_be_masked() -> bool:
	return true


func can_be_grouped() -> bool:
	return true

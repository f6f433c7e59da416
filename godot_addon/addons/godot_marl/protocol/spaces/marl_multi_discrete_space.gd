extends "res://addons/godot_marl/protocol/spaces/marl_space_kind.gd"
## Several integers, each from 0 to below a number of its own (protocol, clause 3.3).


func find_problem(space: Dictionary) -> String:
	var nvec: Variant = space.get("nvec")
	if not is_list(nvec) or Array(nvec).is_empty() or not Array(nvec).all(is_count):
		return "nvec must be a list of integers of at least 1"
	return ""


func members_of(_space: Dictionary) -> Dictionary:
	return {}


func lay_out(space: Dictionary, layout: _MarlSpaceLayout) -> void:
	layout.set_numbers(_MarlSpaceLayout._Section.I64, Array(space["nvec"]).size())


func find_fault(space: Dictionary, value: Variant) -> String:
	var nvec := Array(space["nvec"])
	for i in nvec.size():
		var fault := fault_at(value, i, 0, int(nvec[i] as float) - 1)
		if fault:
			return fault
	return ""


func mask_size_of(space: Dictionary) -> int:
	var size := 0
	for count: float in Array(space["nvec"]):
		size += int(count)
	return size


func can_be_masked() -> bool:
	return true


func can_be_grouped() -> bool:
	return true

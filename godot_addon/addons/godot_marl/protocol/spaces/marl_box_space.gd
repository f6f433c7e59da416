extends "res://addons/godot_marl/protocol/spaces/marl_space_kind.gd"
## Numbers of one element type between bounds (protocol, clause 3.1).

## The element types.
const DTYPES: PackedStringArray = ["float32", "float64", "int8", "int16", "int32", "int64", "uint8"]

# By element type: the section, and the least and the greatest integer.
const _LAYOUTS: Dictionary[String, Array] = {
	"float32": [_MarlSpaceLayout._Section.F32, 0, 0],
	"float64": [_MarlSpaceLayout._Section.F64, 0, 0],
	"int8": [_MarlSpaceLayout._Section.I32, -0x80, 0x7F],
	"int16": [_MarlSpaceLayout._Section.I32, -0x8000, 0x7FFF],
	"int32": [_MarlSpaceLayout._Section.I32, -0x80000000, 0x7FFFFFFF],
	"int64": [_MarlSpaceLayout._Section.I64, 0, 0],
	"uint8": [_MarlSpaceLayout._Section.U8, 0, 0xFF],
}


func find_problem(space: Dictionary) -> String:
	var shape: Variant = space.get("shape")
	if not is_list(shape) or Array(shape).is_empty() or not Array(shape).all(is_count):
		return "shape must be a list of integers of at least 1, not %s" % [shape]
	if not DTYPES.has(str(space.get("dtype"))):
		return "dtype must be one of %s, not %s" % [", ".join(DTYPES), space.get("dtype")]
	var size := 1
	for length: Variant in Array(shape):
		if length > MOST_ELEMENTS or size * int(length) > MOST_ELEMENTS:
			return "shape must have at most %d elements, not %s" % [MOST_ELEMENTS, shape]
		size *= int(length)
	return _find_problem_of_bounds(space, size)


func members_of(_space: Dictionary) -> Dictionary:
	return {}


func lay_out(space: Dictionary, layout: _MarlSpaceLayout) -> void:
	var shape := Array(space["shape"])
	var size := 1
	for length: float in shape:
		size *= int(length)
	var of_dtype: Array = _LAYOUTS[space["dtype"] as String]
	layout.set_numbers(of_dtype[0] as int, size, of_dtype[1] as int, of_dtype[2] as int)
	# A list of lists may be as long as the flat list of all numbers.
	var is_ambiguous := shape.size() > 1 and int(shape[0] as float) == size
	layout.is_flat_f32 = layout.section == _MarlSpaceLayout._Section.F32 and not is_ambiguous


func find_fault(space: Dictionary, value: Variant) -> String:
	for i in (value as Array).size():
		var fault := fault_at(value, i, _bound_of(space, "low", i), _bound_of(space, "high", i))
		if fault:
			return fault
	return ""


func mask_size_of(_space: Dictionary) -> int:
	return 0


func can_be_masked() -> bool:
	return false


func can_be_grouped() -> bool:
	return true


static func _find_problem_of_bounds(space: Dictionary, size: int) -> String:
	var is_bound := is_number if str(space["dtype"]).begins_with("float") else _is_integer_bound
	for bound: String in ["low", "high"]:
		var value: Variant = space.get(bound)
		if is_list(value):
			if Array(value).size() != size or not Array(value).all(is_bound):
				return "%s must be one number, or %d of them" % [bound, size]
		elif not [value].all(is_bound):
			return "%s must be a number or a list of numbers, not %s" % [bound, value]
	var lows := Array(space["low"]) if is_list(space["low"]) else [space["low"]]
	var highs := Array(space["high"]) if is_list(space["high"]) else [space["high"]]
	for i in maxi(lows.size(), highs.size()):
		if lows[i % lows.size()] > highs[i % highs.size()]:
			return "low must not be above high, as it is for element %d" % i
	return ""


# The bound of one element, rounded as the elements themselves are.
static func _bound_of(space: Dictionary, side: String, index: int) -> float:
	var bounds: Variant = space[side]
	var bound: float = bounds if bounds is float or bounds is int else Array(bounds)[index]
	return PackedFloat32Array([bound])[0] if space["dtype"] == "float32" else bound


static func _is_integer_bound(value: Variant) -> bool:
	return is_integer(value) or (value is float and is_inf(value as float))

class_name MarlSections
extends RefCounted
## The observations of one reply while they are gathered, section by section.
##
## Values are checked before they are appended: a wrong element in a packed array's constructor
## becomes a silent zero.

## The elements gathered so far, by section.
var f64 := PackedFloat64Array()
var i64 := PackedInt64Array()
var f32 := PackedFloat32Array()
var i32 := PackedInt32Array()
var u8 := PackedByteArray()

var _numbers: Array[float] = []


## Forgets everything.
func clear() -> void:
	f64.clear()
	i64.clear()
	f32.clear()
	i32.clear()
	u8.clear()


## The sections as the plans of spaces read them.
func to_list() -> Array:
	return [f64, i64, f32, i32, u8]


## Appends zeros in place of a value that nobody gave.
func skip(plan: MarlPlan) -> void:
	f64.resize(f64.size() + plan.widths[MarlPlan.Section.F64])
	i64.resize(i64.size() + plan.widths[MarlPlan.Section.I64])
	f32.resize(f32.size() + plan.widths[MarlPlan.Section.F32])
	i32.resize(i32.size() + plan.widths[MarlPlan.Section.I32])
	u8.resize(u8.size() + plan.widths[MarlPlan.Section.U8])


## Appends [param value]. Answers an empty Array, or what was expected and what was found.
func append(plan: MarlPlan, value: Variant) -> PackedStringArray:
	if plan.type == "dict":
		return _append_dict(plan, value)
	if plan.type == "tuple":
		return _append_tuple(plan, value)
	var fits := false
	match plan.section:
		MarlPlan.Section.F32:
			fits = _append_f32(plan, value)
		MarlPlan.Section.F64:
			fits = _append_f64(plan, value)
		MarlPlan.Section.U8:
			fits = _append_u8(plan, value)
		MarlPlan.Section.I32:
			fits = _append_i32(plan, value)
		MarlPlan.Section.I64:
			fits = _append_i64(plan, value)
	return [] if fits else [_expected(plan), MarlProblem.describe(value)]


func _append_f32(plan: MarlPlan, value: Variant) -> bool:
	if value is PackedFloat32Array:
		var packed: PackedFloat32Array = value
		if packed.size() != plan.size:
			return false
		f32.append_array(packed)
		return true
	if not _take_numbers(plan, value):
		return false
	f32.append_array(PackedFloat32Array(_numbers))
	return true


func _append_f64(plan: MarlPlan, value: Variant) -> bool:
	if value is PackedFloat64Array:
		var packed: PackedFloat64Array = value
		if packed.size() != plan.size:
			return false
		f64.append_array(packed)
		return true
	if not _take_numbers(plan, value):
		return false
	f64.append_array(PackedFloat64Array(_numbers))
	return true


func _append_u8(plan: MarlPlan, value: Variant) -> bool:
	if value is PackedByteArray and plan.most == 0xFF:
		var bytes: PackedByteArray = value
		if bytes.size() != plan.size:
			return false
		u8.append_array(bytes)
		return true
	if not _take_integers(plan, value):
		return false
	u8.append_array(PackedByteArray(_numbers))
	return true


func _append_i32(plan: MarlPlan, value: Variant) -> bool:
	if value is PackedInt32Array and plan.least == -0x80000000:
		var packed: PackedInt32Array = value
		if packed.size() != plan.size:
			return false
		i32.append_array(packed)
		return true
	if not _take_integers(plan, value):
		return false
	i32.append_array(PackedInt32Array(_numbers))
	return true


# 64-bit integers do not pass through floats, which keep only 53 bits.
func _append_i64(plan: MarlPlan, value: Variant) -> bool:
	if value is PackedInt64Array:
		var packed: PackedInt64Array = value
		if packed.size() != plan.size:
			return false
		i64.append_array(packed)
		return true
	var list: Variant = [value] if value is int else value
	if not (list is Array or value is PackedInt32Array or value is PackedInt64Array):
		return false
	var integers := Array(list)
	if integers.size() > 0 and integers[0] is Array:
		integers = _flatten(integers)
	if integers.size() != plan.size or not integers.all(_is_integer):
		return false
	i64.append_array(PackedInt64Array(integers))
	return true


# Array.assign checks and converts each element natively: it leaves the target alone, and says so
# on the console, when one of them is no number.
func _take_numbers(plan: MarlPlan, value: Variant) -> bool:
	_numbers.clear()
	if value is Array:
		var list: Array = value
		if list.size() > 0 and list[0] is Array:
			list = _flatten(list)
		if list.size() == plan.size:
			_numbers.assign(list)
	elif value is float or value is int:
		_numbers.append(value as float)
	elif typeof(value) >= TYPE_PACKED_BYTE_ARRAY and typeof(value) <= TYPE_PACKED_FLOAT64_ARRAY:
		_numbers.assign(Array(value))
	return _numbers.size() == plan.size


func _take_integers(plan: MarlPlan, value: Variant) -> bool:
	if not _take_numbers(plan, value):
		return false
	for number in _numbers:
		if number != floorf(number) or number < plan.least or number > plan.most:
			return false
	return true


func _append_dict(plan: MarlPlan, value: Variant) -> PackedStringArray:
	if not value is Dictionary:
		return [_expected(plan), MarlProblem.describe(value)]
	var by_name: Dictionary = value
	if by_name.size() != plan.names.size() or not by_name.has_all(plan.names):
		return [_expected(plan), "the keys %s" % ", ".join(PackedStringArray(by_name.keys()))]
	for i in plan.members.size():
		var problem := append(plan.members[i], by_name[plan.names[i]])
		if not problem.is_empty():
			return ["at key %s: %s" % [plan.names[i], problem[0]], problem[1]]
	return []


func _append_tuple(plan: MarlPlan, value: Variant) -> PackedStringArray:
	if not value is Array or (value as Array).size() != plan.members.size():
		return [_expected(plan), MarlProblem.describe(value)]
	var list: Array = value
	for i in plan.members.size():
		var problem := append(plan.members[i], list[i])
		if not problem.is_empty():
			return ["at index %d: %s" % [i, problem[0]], problem[1]]
	return []


static func _flatten(list: Array) -> Array:
	var flat := []
	for item: Variant in list:
		if item is Array:
			flat.append_array(_flatten(item as Array))
		else:
			flat.append(item)
	return flat


static func _is_integer(value: Variant) -> bool:
	return value is int


static func _expected(plan: MarlPlan) -> String:
	if plan.type == "dict":
		return "a Dictionary with the keys %s" % ", ".join(plan.names)
	if plan.type == "tuple":
		return "an Array of %d values" % plan.members.size()
	if plan.section == MarlPlan.Section.F32 or plan.section == MarlPlan.Section.F64:
		return "%d numbers" % plan.size
	if plan.section == MarlPlan.Section.I64:
		return "%d integers" % plan.size
	return "%d integers from %d to %d" % [plan.size, plan.least, plan.most]

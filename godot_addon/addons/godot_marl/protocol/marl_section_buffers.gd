extends RefCounted
## The observations of one reply while they are collected, section by section.
##
## Values are checked before they are appended: the constructor of a packed array turns a wrong
## element into a zero without an error.

const _MarlProblem := preload("res://addons/godot_marl/protocol/marl_problem.gd")
const _MarlSpaceLayout := preload("res://addons/godot_marl/protocol/marl_space_layout.gd")

## The elements, by section.
var f64 := PackedFloat64Array()
var i64 := PackedInt64Array()
var f32 := PackedFloat32Array()
var i32 := PackedInt32Array()
var u8 := PackedByteArray()

var _numbers: Array[float] = []


## Removes all elements.
func clear() -> void:
	f64.clear()
	i64.clear()
	f32.clear()
	i32.clear()
	u8.clear()


## The sections, as _MarlSpaceLayout.read() expects them.
func to_list() -> Array:
	return [f64, i64, f32, i32, u8]


## Appends zeros in place of a value.
func skip(layout: _MarlSpaceLayout) -> void:
	f64.resize(f64.size() + layout.widths[_MarlSpaceLayout._Section.F64])
	i64.resize(i64.size() + layout.widths[_MarlSpaceLayout._Section.I64])
	f32.resize(f32.size() + layout.widths[_MarlSpaceLayout._Section.F32])
	i32.resize(i32.size() + layout.widths[_MarlSpaceLayout._Section.I32])
	u8.resize(u8.size() + layout.widths[_MarlSpaceLayout._Section.U8])


## Appends [param value]. Returns an empty Array, or what was expected and what was found.
func append(layout: _MarlSpaceLayout, value: Variant) -> PackedStringArray:
	if layout.form == _MarlSpaceLayout._Form.BY_NAME:
		return _append_by_name(layout, value)
	if layout.form == _MarlSpaceLayout._Form.IN_ORDER:
		return _append_in_order(layout, value)
	# Not a match: that takes several times as long.
	var section := layout.section
	var fits := false
	if section == _MarlSpaceLayout._Section.F32:
		fits = _append_f32(layout, value)
	elif section == _MarlSpaceLayout._Section.F64:
		fits = _append_f64(layout, value)
	elif section == _MarlSpaceLayout._Section.U8:
		fits = _append_u8(layout, value)
	elif section == _MarlSpaceLayout._Section.I32:
		fits = _append_i32(layout, value)
	elif section == _MarlSpaceLayout._Section.I64:
		fits = _append_i64(layout, value)
	return [] if fits else [_expected(layout), _MarlProblem.describe(value)]


func _append_f32(layout: _MarlSpaceLayout, value: Variant) -> bool:
	if value is PackedFloat32Array:
		var packed: PackedFloat32Array = value
		if packed.size() != layout.size:
			return false
		f32.append_array(packed)
		return true
	if not _convert_numbers(layout, value):
		return false
	f32.append_array(PackedFloat32Array(_numbers))
	return true


func _append_f64(layout: _MarlSpaceLayout, value: Variant) -> bool:
	if value is PackedFloat64Array:
		var packed: PackedFloat64Array = value
		if packed.size() != layout.size:
			return false
		f64.append_array(packed)
		return true
	if not _convert_numbers(layout, value):
		return false
	f64.append_array(PackedFloat64Array(_numbers))
	return true


func _append_u8(layout: _MarlSpaceLayout, value: Variant) -> bool:
	if value is PackedByteArray and layout.most == 0xFF:
		var bytes: PackedByteArray = value
		if bytes.size() != layout.size:
			return false
		u8.append_array(bytes)
		return true
	if not _convert_integers(layout, value):
		return false
	u8.append_array(PackedByteArray(_numbers))
	return true


func _append_i32(layout: _MarlSpaceLayout, value: Variant) -> bool:
	if value is PackedInt32Array and layout.least == -0x80000000:
		var packed: PackedInt32Array = value
		if packed.size() != layout.size:
			return false
		i32.append_array(packed)
		return true
	if not _convert_integers(layout, value):
		return false
	i32.append_array(PackedInt32Array(_numbers))
	return true


# Not through floats: these keep only 53 bits of an integer.
func _append_i64(layout: _MarlSpaceLayout, value: Variant) -> bool:
	if value is PackedInt64Array:
		var packed: PackedInt64Array = value
		if packed.size() != layout.size:
			return false
		i64.append_array(packed)
		return true
	var list: Variant = [value] if value is int else value
	if not (list is Array or value is PackedInt32Array or value is PackedInt64Array):
		return false
	var integers := Array(list)
	if integers.size() > 0 and integers[0] is Array:
		integers = _flatten(integers)
	if integers.size() != layout.size or not integers.all(_is_integer):
		return false
	i64.append_array(PackedInt64Array(integers))
	return true


# Array.assign checks and converts each element natively; if one is not a number, it assigns nothing
# and prints an error.
func _convert_numbers(layout: _MarlSpaceLayout, value: Variant) -> bool:
	_numbers.clear()
	if value is Array:
		var list: Array = value
		if list.size() > 0 and list[0] is Array:
			list = _flatten(list)
		if list.size() == layout.size:
			_numbers.assign(list)
	elif value is float or value is int:
		_numbers.append(value as float)
	elif typeof(value) >= TYPE_PACKED_BYTE_ARRAY and typeof(value) <= TYPE_PACKED_FLOAT64_ARRAY:
		_numbers.assign(Array(value))
	return _numbers.size() == layout.size


func _convert_integers(layout: _MarlSpaceLayout, value: Variant) -> bool:
	if not _convert_numbers(layout, value):
		return false
	for number in _numbers:
		if number != floorf(number) or number < layout.least or number > layout.most:
			return false
	return true


func _append_by_name(layout: _MarlSpaceLayout, value: Variant) -> PackedStringArray:
	if not value is Dictionary:
		return [_expected(layout), _MarlProblem.describe(value)]
	var by_name: Dictionary = value
	if by_name.size() != layout.names.size() or not by_name.has_all(layout.names):
		return [_expected(layout), "the keys %s" % ", ".join(PackedStringArray(by_name.keys()))]
	for i in layout.members.size():
		var problem := append(layout.members[i], by_name[layout.names[i]])
		if not problem.is_empty():
			return ["at key %s: %s" % [layout.names[i], problem[0]], problem[1]]
	return []


func _append_in_order(layout: _MarlSpaceLayout, value: Variant) -> PackedStringArray:
	if not value is Array or (value as Array).size() != layout.members.size():
		return [_expected(layout), _MarlProblem.describe(value)]
	var list: Array = value
	for i in layout.members.size():
		var problem := append(layout.members[i], list[i])
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


static func _expected(layout: _MarlSpaceLayout) -> String:
	match layout.form:
		_MarlSpaceLayout._Form.BY_NAME:
			return "a Dictionary with the keys %s" % ", ".join(layout.names)
		_MarlSpaceLayout._Form.IN_ORDER:
			return "an Array of %d values" % layout.members.size()
	if (
		layout.section == _MarlSpaceLayout._Section.F32
		or layout.section == _MarlSpaceLayout._Section.F64
	):
		return "%d numbers" % layout.size
	if layout.section == _MarlSpaceLayout._Section.I64:
		return "%d integers" % layout.size
	return "%d integers from %d to %d" % [layout.size, layout.least, layout.most]

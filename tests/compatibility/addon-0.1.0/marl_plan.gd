class_name MarlPlan
extends RefCounted
## How the values of one space lie in a message (protocol, section 4).
##
## Built once from a space; it then turns values into sections and back.

## The sections of a message, in the order of clause 4.2.
enum Section { F64, I64, F32, I32, U8 }

## How many sections there are.
const SECTIONS := 5
## The bytes of one element, by section.
const ELEMENT_SIZES: PackedInt32Array = [8, 8, 4, 4, 1]

## The space's type, as in clause 3.
var type := ""
## The section of a leaf.
var section := Section.F32
## How many elements a leaf has.
var size := 0
## The least and the greatest integer that a leaf of integers can hold.
var least := -0x80000000
var most := 0x7FFFFFFF
## The members of a dict or tuple, in order.
var members: Array[MarlPlan] = []
## The names of a dict's members, in the same order.
var names: PackedStringArray = []
## How many elements this space has in each section.
var widths: PackedInt32Array = [0, 0, 0, 0, 0]


## The plan of a space that [method MarlSpace.problem_of] finds right.
static func of(space: Dictionary) -> MarlPlan:
	var plan := MarlPlan.new()
	plan.type = space["type"]
	match plan.type:
		"dict":
			var spaces: Dictionary = space["spaces"]
			plan.names = PackedStringArray(spaces.keys())
			plan.names.sort()
			for name in plan.names:
				plan._add_member(spaces[name] as Dictionary)
		"tuple":
			for member: Dictionary in space["spaces"]:
				plan._add_member(member)
		"discrete":
			plan._set_leaf(Section.I64, 1)
		"multi_discrete":
			plan._set_leaf(Section.I64, Array(space["nvec"]).size())
		"multi_binary":
			plan._set_leaf(Section.U8, int(space["n"] as float))
			plan.least = 0
			plan.most = 1
		"box":
			var count := 1
			for length: float in Array(space["shape"]):
				count *= int(length)
			plan._set_leaf(_section_of(space["dtype"] as String), count)
			plan._set_range(space["dtype"] as String)
	return plan


## True for a box of float32 numbers.
func is_f32() -> bool:
	return type == "box" and section == Section.F32


## The value that starts at [param cursor] (an offset for each section, moved on) in
## [param sections], as [code]apply_action[/code] receives it: a leaf is an Array of its numbers,
## a dict one Dictionary in an Array, a tuple an Array with one entry for each member.
func read(sections: Array, cursor: PackedInt32Array) -> Array:
	var value: Variant = _read(sections, cursor)
	if type == "dict":
		return [value]
	return value


func _read(sections: Array, cursor: PackedInt32Array) -> Variant:
	if type == "dict":
		var by_name := {}
		for i in members.size():
			by_name[names[i]] = members[i]._read(sections, cursor)
		return by_name
	if type == "tuple":
		var list := []
		for member in members:
			list.append(member._read(sections, cursor))
		return list
	var begin := cursor[section]
	cursor[section] = begin + size
	# Only a Variant call knows the slice of every packed type.
	var packed: Variant = sections[section]
	return Array(packed.slice(begin, begin + size))


static func _section_of(dtype: String) -> Section:
	match dtype:
		"float64":
			return Section.F64
		"int64":
			return Section.I64
		"float32":
			return Section.F32
		"uint8":
			return Section.U8
	return Section.I32


func _set_range(dtype: String) -> void:
	match dtype:
		"int8":
			least = -0x80
			most = 0x7F
		"int16":
			least = -0x8000
			most = 0x7FFF
		"uint8":
			least = 0
			most = 0xFF


func _set_leaf(leaf_section: Section, leaf_size: int) -> void:
	section = leaf_section
	size = leaf_size
	widths[section] = size


func _add_member(space: Dictionary) -> void:
	var member := MarlPlan.of(space)
	members.append(member)
	for i in SECTIONS:
		widths[i] += member.widths[i]

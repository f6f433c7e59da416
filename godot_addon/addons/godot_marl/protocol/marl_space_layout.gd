extends RefCounted
## How the values of one space lie in a message (protocol, section 4).
##
## _MarlSpaceRegistry makes it of a space. It reads values; _MarlSectionBuffers writes them.

## The sections of a message, in the order of clause 4.2.
enum _Section { F64, I64, F32, I32, U8 }
## What a value is: an Array of numbers, a Dictionary by name, or an Array in order.
enum _Form { NUMBERS, BY_NAME, IN_ORDER }

const _MarlSpaceLayout := preload("res://addons/godot_marl/protocol/marl_space_layout.gd")

## How many sections there are.
const SECTION_COUNT := 5
## The bytes of one element, by section.
const ELEMENT_SIZES: PackedInt32Array = [8, 8, 4, 4, 1]

## The form of a value.
var form := _Form.NUMBERS
## The section of the numbers.
var section := _Section.F32
## How many numbers there are.
var size := 0
## The least and the greatest integer that the numbers can be; of no meaning in other sections than
## I32 and U8.
var least := 0
var most := 0
## True for float32 numbers that the length of an Array distinguishes from nested Arrays.
var is_flat_f32 := false
## The members of a value by name or in order.
var members: Array[_MarlSpaceLayout] = []
## The names of the members, in the same order.
var names: PackedStringArray = []
## How many elements this space has in each section.
var widths: PackedInt32Array = [0, 0, 0, 0, 0]


## Makes it the layout of [param count] numbers.
func set_numbers(
	section_of_all: _Section, count: int, least_integer: int = 0, greatest_integer: int = 0
) -> void:
	form = _Form.NUMBERS
	section = section_of_all
	size = count
	least = least_integer
	most = greatest_integer
	widths[section] = size


## Adds a member.
func add_member(name: String, member: _MarlSpaceLayout) -> void:
	names.append(name)
	members.append(member)
	for i in SECTION_COUNT:
		widths[i] += member.widths[i]


## True if a value is one 64-bit integer.
func is_one_integer() -> bool:
	return form == _Form.NUMBERS and section == _Section.I64 and size == 1


## True if [code]apply_action[/code] receives a value in an Array, because it is none itself.
func is_wrapped() -> bool:
	return form == _Form.BY_NAME


## The value that starts at [param cursor] (an offset for each section, moved on) in
## [param sections], as [code]apply_action[/code] receives it.
func read(sections: Array, cursor: PackedInt32Array) -> Array:
	var value: Variant = read_value(sections, cursor)
	return [value] if form == _Form.BY_NAME else value


## The same value, never wrapped.
func read_value(sections: Array, cursor: PackedInt32Array) -> Variant:
	if form == _Form.BY_NAME:
		var by_name := {}
		for i in members.size():
			by_name[names[i]] = members[i].read_value(sections, cursor)
		return by_name
	if form == _Form.IN_ORDER:
		var list := []
		for member in members:
			list.append(member.read_value(sections, cursor))
		return list
	var begin := cursor[section]
	cursor[section] = begin + size
	# Only a Variant call knows the slice of every packed type.
	var packed: Variant = sections[section]
	return Array(packed.slice(begin, begin + size))

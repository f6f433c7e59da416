@abstract
extends RefCounted
## One type of space: all that the addon knows of it (protocol, section 3).
##
## _MarlSpaceRegistry has one of each, and does for the members of a space what is done here for the
## space itself.

const _MarlSpaceLayout := preload("res://addons/godot_marl/protocol/marl_space_layout.gd")

## How many elements a space can have: no message is larger.
const MOST_ELEMENTS := 1 << 26

## What is wrong with [param space], apart from its members; empty if nothing is.
@abstract func find_problem(space: Dictionary) -> String

## The spaces that [param space] is made of, in the order of a message: by name, or by index.
@abstract func members_of(space: Dictionary) -> Dictionary

## Fills [param layout], apart from the members.
@abstract func lay_out(space: Dictionary, layout: _MarlSpaceLayout) -> void

## What is expected where [param value], which has the form of [param space], is out of its bounds;
## empty if it is inside. The members are not compared.
@abstract func find_fault(space: Dictionary, value: Variant) -> String

## How many numbers a mask of the actions in [param space] has; 0 if they cannot be masked.
@abstract func mask_size_of(space: Dictionary) -> int

## True if some actions can be masked.
@abstract func can_be_masked() -> bool

## True if a node can answer for many agents that each have such a space.
@abstract func can_be_grouped() -> bool


## True for an Array and for each packed array.
static func is_list(value: Variant) -> bool:
	return typeof(value) == TYPE_ARRAY or typeof(value) >= TYPE_PACKED_BYTE_ARRAY


## True for a number that is not NaN.
static func is_number(value: Variant) -> bool:
	return typeof(value) == TYPE_INT or (typeof(value) == TYPE_FLOAT and not is_nan(value))


## True for a whole number, which JSON has as a float.
static func is_integer(value: Variant) -> bool:
	return is_number(value) and is_finite(value as float) and value == floor(value)


## True for a whole number of at least 1.
static func is_count(value: Variant) -> bool:
	return is_integer(value) and value >= 1


## What is expected where the element at [param index] of [param value] is out of its bounds.
static func fault_at(value: Variant, index: int, least: Variant, most: Variant) -> String:
	var element: Variant = value[index]
	# A NaN is neither above nor below anything.
	if element >= least and element <= most:
		return ""
	return "a number from %s to %s at index %d" % [least, most, index]

class_name MarlLayout
extends RefCounted
## The size and order of the binary messages of one connection (protocol, sections 4 and 5).

## The bytes of a step request's header, clause 5.1.
const STEP_HEADER := 8
## The kind of a step request, clause 5.1.
const KIND_STEP := 1

## How many arenas there are.
var arenas := 0
## The plans of the actions, slot by slot.
var action_plans: Array[MarlPlan] = []
## The bytes of a step request.
var step_size := 0

var _sections: Array = []
var _sizes: PackedInt32Array = [0, 0, 0, 0, 0]


func _init(arena_count: int, plans: Array[MarlPlan]) -> void:
	arenas = arena_count
	action_plans = plans
	step_size = STEP_HEADER + arenas * plans.size()
	for section in MarlPlan.SECTIONS:
		for plan in plans:
			_sizes[section] += arenas * plan.widths[section]
		step_size += _sizes[section] * MarlPlan.ELEMENT_SIZES[section]


## The actions of a step request: an Array for each slot of each arena, or null where the slot has
## none. Check [method problem_of_step] first.
func read_step(message: PackedByteArray) -> Array:
	_split(message)
	var given := message.slice(message.size() - arenas * action_plans.size())
	var actions := []
	actions.resize(given.size())
	var cursor: PackedInt32Array = [0, 0, 0, 0, 0]
	var slot := 0
	for arena in arenas:
		for plan in action_plans:
			var action := plan.read(_sections, cursor)
			if given[slot] == 1:
				actions[slot] = action
			slot += 1
	return actions


## What is wrong with a step request, or an empty text.
func problem_of_step(message: PackedByteArray) -> String:
	if message.size() < STEP_HEADER or message[0] != KIND_STEP:
		return "a binary message of kind 1 (step) was expected"
	if message.size() != step_size:
		return "a step request of %d bytes was expected, not %d" % [step_size, message.size()]
	if message[1] != 0 or message.decode_u16(2) != 0:
		return "the flags of a step request must be zero"
	for i in arenas * action_plans.size():
		if message[message.size() - 1 - i] > 1:
			return "the mark of a slot's action must be 0 or 1"
	return ""


# The sections of the message as packed arrays of their element types.
func _split(message: PackedByteArray) -> void:
	var begin := STEP_HEADER
	_sections.clear()
	for section in MarlPlan.SECTIONS:
		var end := begin + _sizes[section] * MarlPlan.ELEMENT_SIZES[section]
		var bytes := message.slice(begin, end)
		begin = end
		match section:
			MarlPlan.Section.F64:
				_sections.append(bytes.to_float64_array())
			MarlPlan.Section.I64:
				_sections.append(bytes.to_int64_array())
			MarlPlan.Section.F32:
				_sections.append(bytes.to_float32_array())
			MarlPlan.Section.I32:
				_sections.append(bytes.to_int32_array())
			_:
				_sections.append(bytes)

class_name MarlLayout
extends RefCounted
## The size and order of the binary messages of one connection (protocol, sections 4 and 5).

## What a step request orders of an arena, clause 5.4.
enum Order { NOTHING, RESET_IF_OVER, RESET }

## The bytes of a step request's header, clause 5.1.
const STEP_HEADER := 8
## The kind of a step request, clause 5.1.
const KIND_STEP := 1
## The bytes of one arena's order and seed, clause 5.4.
const ORDER_SIZE := 9
## The flag of a step request in which arenas may be reset, clause 5.4.
const FLAG_AUTORESET := 1

## How many arenas there are.
var arenas := 0
## The plans of the actions, slot by slot.
var action_plans: Array[MarlPlan] = []
## The bytes of a step request without the orders of clause 5.4.
var step_size := 0

## For each slot of the last step request 1 if it has an action, else 0.
var marks := PackedByteArray()
## The actions of the last step request, where each is one integer.
var numbers := PackedInt64Array()

var _actions: Array = []
var _sections: Array = []
var _sizes: PackedInt32Array = [0, 0, 0, 0, 0]
# True if each action is one integer.
var _is_discrete := true


func _init(arena_count: int, plans: Array[MarlPlan]) -> void:
	arenas = arena_count
	action_plans = plans
	step_size = STEP_HEADER + arenas * plans.size()
	for plan in plans:
		_is_discrete = _is_discrete and plan.type == "discrete"
	for section in MarlPlan.SECTIONS:
		for plan in plans:
			_sizes[section] += arenas * plan.widths[section]
		step_size += _sizes[section] * MarlPlan.ELEMENT_SIZES[section]


## Reads the actions of a step request. Check [method problem_of_step] first.
func read_step(message: PackedByteArray) -> void:
	_split(message)
	marks = message.slice(step_size - arenas * action_plans.size(), step_size)
	_actions = []
	if _is_discrete:
		numbers = _sections[MarlPlan.Section.I64]


## The actions of the last step request: an Array for each slot of each arena, or null where the
## slot has none. In the first slot of a [MarlGroup] is a packed array for all of its agents.
func get_actions() -> Array:
	if _actions.is_empty():
		_actions.resize(marks.size())
		var cursor: PackedInt32Array = [0, 0, 0, 0, 0]
		var count := action_plans.size()
		var slot := 0
		while slot < marks.size():
			var plan := action_plans[slot % count]
			if plan is MarlGroupPlan:
				var group: MarlGroupPlan = plan
				var end := slot + group.agents
				_actions[slot] = group.read_marked(_sections, cursor, marks.slice(slot, end))
				slot = end
				continue
			var action := plan.read(_sections, cursor)
			if marks[slot]:
				_actions[slot] = action
			slot += 1
	return _actions


## The same, or an empty Array where each action is one of [member numbers].
func get_actions_unless_numbers() -> Array:
	return [] if _is_discrete else get_actions()


## The orders of a step request, one of [enum Order] for each arena; empty if it has none.
func read_orders(message: PackedByteArray) -> PackedByteArray:
	return message.slice(step_size, step_size + arenas) if message[1] else PackedByteArray()


## The seeds that go with the orders.
func read_seeds(message: PackedByteArray) -> PackedInt64Array:
	return message.slice(step_size + arenas).to_int64_array()


## The bytes of a step request with orders.
func get_longest_step() -> int:
	return step_size + arenas * ORDER_SIZE


## What is wrong with a step request, or an empty text.
func problem_of_step(message: PackedByteArray) -> String:
	if message.size() < STEP_HEADER or message[0] != KIND_STEP:
		return "a binary message of kind 1 (step) was expected"
	if message[1] > FLAG_AUTORESET or message.decode_u16(2) != 0:
		return "the flags of a step request must be 0 or 1"
	var size := step_size + message[1] * arenas * ORDER_SIZE
	if message.size() != size:
		return "a step request of %d bytes was expected, not %d" % [size, message.size()]
	var marks := message.slice(step_size - arenas * action_plans.size(), step_size)
	if marks.count(0) + marks.count(1) != marks.size():
		return "the mark of a slot's action must be 0 or 1"
	return _problem_of_orders(message) if message[1] else ""


func _problem_of_orders(message: PackedByteArray) -> String:
	var orders := read_orders(message)
	if orders.count(0) + orders.count(1) + orders.count(2) != orders.size():
		return "the order of an arena must be 0, 1 or 2"
	for next_seed in read_seeds(message):
		if next_seed < 0:
			return "the seed of an arena must not be negative"
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

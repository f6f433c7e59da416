extends RefCounted
## The layout of one connection's step requests (protocol, sections 4 and 5); decodes them.

## What is to happen to an arena, clause 5.4.
enum _ResetOrder { NOTHING, RESET_IF_OVER, RESET }

const _MarlGroupLayout := preload("res://addons/godot_marl/protocol/marl_group_layout.gd")
const _MarlSpaceLayout := preload("res://addons/godot_marl/protocol/marl_space_layout.gd")

## The size of a step request's header in bytes, clause 5.1.
const STEP_HEADER := 8
## The kind of a step request, clause 5.1.
const KIND_STEP := 1
## The size of one arena's reset order and seed in bytes, clause 5.4.
const RESET_ORDER_SIZE := 9
## The flag of a step request with reset orders, clause 5.4.
const FLAG_AUTORESET := 1

## How many arenas there are.
var arenas := 0
## The layouts of the actions, by slot.
var action_layouts: Array[_MarlSpaceLayout] = []
## The size of a step request in bytes without reset orders and seeds.
var step_size := 0

## By slot of the last step request: 1 if the slot has an action, else 0.
var action_present := PackedByteArray()
## The actions of the last step request, if each is one integer.
var numbers := PackedInt64Array()

var _actions: Array = []
var _sections: Array = []
var _sizes: PackedInt32Array = [0, 0, 0, 0, 0]
# True if each action is one integer.
var _is_discrete := true


func _init(arena_count: int, layouts: Array[_MarlSpaceLayout]) -> void:
	arenas = arena_count
	action_layouts = layouts
	step_size = STEP_HEADER + arenas * layouts.size()
	for layout in layouts:
		_is_discrete = _is_discrete and layout.is_one_integer()
	for section in _MarlSpaceLayout.SECTION_COUNT:
		for layout in layouts:
			_sizes[section] += arenas * layout.widths[section]
		step_size += _sizes[section] * _MarlSpaceLayout.ELEMENT_SIZES[section]


## Decodes the actions of a step request. Check [method problem_of_step] first.
func read_step(message: PackedByteArray) -> void:
	_split(message)
	action_present = message.slice(step_size - arenas * action_layouts.size(), step_size)
	_actions = []
	if _is_discrete:
		numbers = _sections[_MarlSpaceLayout._Section.I64]


## The actions of the last step request: an Array for each slot of each arena, or null if the slot
## has none. The first slot of a _MarlAgentGroup has a packed array for all of its agents.
func get_actions() -> Array:
	if _actions.is_empty():
		_actions.resize(action_present.size())
		var cursor: PackedInt32Array = [0, 0, 0, 0, 0]
		var count := action_layouts.size()
		var slot := 0
		while slot < action_present.size():
			var layout := action_layouts[slot % count]
			if layout is _MarlGroupLayout:
				var group: _MarlGroupLayout = layout
				var end := slot + group.agents
				_actions[slot] = group.read_present(
					_sections, cursor, action_present.slice(slot, end)
				)
				slot = end
				continue
			var action := layout.read(_sections, cursor)
			if action_present[slot]:
				_actions[slot] = action
			slot += 1
	return _actions


## The same, or an empty Array if the actions are [member numbers].
func get_actions_unless_numbers() -> Array:
	return [] if _is_discrete else get_actions()


## The reset orders of a step request, one for each arena; empty if it has none.
func read_reset_orders(message: PackedByteArray) -> PackedByteArray:
	return message.slice(step_size, step_size + arenas) if message[1] else PackedByteArray()


## The seeds of a step request's resets.
func read_seeds(message: PackedByteArray) -> PackedInt64Array:
	return message.slice(step_size + arenas).to_int64_array()


## The size of a step request in bytes with reset orders.
func get_longest_step() -> int:
	return step_size + arenas * RESET_ORDER_SIZE


## What is wrong with a step request, or an empty text.
func problem_of_step(message: PackedByteArray) -> String:
	if message.size() < STEP_HEADER or message[0] != KIND_STEP:
		return "a binary message of kind 1 (step) was expected"
	if message[1] > FLAG_AUTORESET or message.decode_u16(2) != 0:
		return "the flags of a step request must be 0 or 1"
	var size := step_size + message[1] * arenas * RESET_ORDER_SIZE
	if message.size() != size:
		return "a step request of %d bytes was expected, not %d" % [size, message.size()]
	var present := message.slice(step_size - arenas * action_layouts.size(), step_size)
	if present.count(0) + present.count(1) != present.size():
		return "action_present must be 0 or 1"
	return _problem_of_reset_orders(message) if message[1] else ""


func _problem_of_reset_orders(message: PackedByteArray) -> String:
	var reset_orders := read_reset_orders(message)
	if reset_orders.count(0) + reset_orders.count(1) + reset_orders.count(2) != reset_orders.size():
		return "the reset order of an arena must be 0, 1 or 2"
	for next_seed in read_seeds(message):
		if next_seed < 0:
			return "the seed of an arena must not be negative"
	return ""


# The sections of the message as packed arrays of their element types.
func _split(message: PackedByteArray) -> void:
	var begin := STEP_HEADER
	_sections.clear()
	for section in _MarlSpaceLayout.SECTION_COUNT:
		var end := begin + _sizes[section] * _MarlSpaceLayout.ELEMENT_SIZES[section]
		var bytes := message.slice(begin, end)
		begin = end
		match section:
			_MarlSpaceLayout._Section.F64:
				_sections.append(bytes.to_float64_array())
			_MarlSpaceLayout._Section.I64:
				_sections.append(bytes.to_int64_array())
			_MarlSpaceLayout._Section.F32:
				_sections.append(bytes.to_float32_array())
			_MarlSpaceLayout._Section.I32:
				_sections.append(bytes.to_int32_array())
			_:
				_sections.append(bytes)

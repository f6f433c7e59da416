extends "res://addons/godot_marl/protocol/marl_space_layout.gd"
## How the values of all agents of a _MarlAgentGroup lie in a message: one leaf with the values of
## one agent after the other.
##
## [i]Runs[/i] say which agents take part: pairs of the first index of a run of neighbours and the
## index after its last. One native call copies a run.

const _MarlGroupLayout := preload("res://addons/godot_marl/protocol/marl_group_layout.gd")
const _MarlSectionBuffers := preload("res://addons/godot_marl/protocol/marl_section_buffers.gd")

## How many agents there are.
var agents := 1


## The layout of the values of [param count] agents, where [param one] is that of each.
static func of_agents(one: _MarlSpaceLayout, count: int) -> _MarlGroupLayout:
	var layout := _MarlGroupLayout.new()
	layout.agents = count
	layout.set_numbers(one.section, count * one.size, one.least, one.most)
	return layout


## The layout in the place of a slot, where [param one] is that of one agent: see
## _MarlAgentSlot.group_size.
static func of_slot(one: _MarlSpaceLayout, group_size: int) -> _MarlSpaceLayout:
	if group_size == 0:
		return one
	return _MarlGroupLayout.of_agents(one, group_size) if group_size > 0 else _MarlSpaceLayout.new()


## The runs of the agents whose byte in [param present] is not 0.
static func runs_of(present: PackedByteArray) -> PackedInt32Array:
	var runs: PackedInt32Array = []
	var count := present.size()
	# find() skips equal bytes natively, and each agent belongs to one run or gap.
	var end := present.find(0)
	if end < 0:
		end = count
	if end > 0:
		runs.append_array([0, end])
	var begin := end
	while begin < count:
		begin = present.find(1, begin)
		if begin < 0:
			break
		end = present.find(0, begin)
		if end < 0:
			end = count
		runs.append_array([begin, end])
		begin = end
	return runs


## Appends to [param into] the parts of [param from] in [param runs], and zeros between them. Both
## are packed arrays of one type, and have [param width] elements for each of [param count] agents.
static func append_runs(
	into: Variant, from: Variant, runs: PackedInt32Array, width: int, count: int
) -> void:
	var base: int = into.size()
	for i in range(0, runs.size(), 2):
		into.resize(base + runs[i] * width)
		into.append_array(from.slice(runs[i] * width, runs[i + 1] * width))
	into.resize(base + count * width)


## Appends [param value] and returns true if it is a packed array of bytes or integers in this
## layout's range: faster than _MarlSectionBuffers.append(), which checks each element.
func append_packed(into: _MarlSectionBuffers, value: Variant) -> bool:
	if section == _Section.I32 and value is PackedInt32Array:
		var integers: PackedInt32Array = value
		if _is_in_range(integers):
			into.i32.append_array(integers)
			return true
	elif section == _Section.U8 and value is PackedByteArray:
		var bytes: PackedByteArray = value
		if bytes.size() == size and (most > 1 or bytes.count(0) + bytes.count(1) == size):
			into.u8.append_array(bytes)
			return true
	return false


## The actions of all agents, which start at [param cursor] (moved on) in [param sections]: a packed
## array with zeros for agents whose byte in [param present] is 0, or null if all are 0.
func read_present(sections: Array, cursor: PackedInt32Array, present: PackedByteArray) -> Variant:
	var begin := cursor[section]
	cursor[section] = begin + size
	if present.count(0) == agents:
		return null
	# Only a Variant call knows the slice of every packed type.
	var packed: Variant = sections[section]
	var actions: Variant = packed.slice(begin, begin + size)
	if present.count(0) > 0:
		var width := floori(float(size) / agents)
		var chosen: Variant = packed.slice(0, 0)
		append_runs(chosen, actions, runs_of(present), width, agents)
		return chosen
	return actions


func _is_in_range(integers: PackedInt32Array) -> bool:
	if integers.size() != size:
		return false
	var sorted := integers.duplicate()
	sorted.sort()
	return sorted[0] >= least and sorted[-1] <= most

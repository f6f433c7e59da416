class_name MarlGroupPlan
extends MarlPlan
## How the values of all agents of a [MarlGroup] lie in a message: one leaf that holds those of one
## agent after the other.
##
## Who takes part is told by [i]runs[/i]: indices in pairs, from the first agent of a row of
## neighbours to the one after its last. A whole row is copied by one native call.

## How many agents it is for.
var agents := 1


## The plan of [param count] agents, of whom each has a value of [param space].
static func of_agents(space: Dictionary, count: int) -> MarlGroupPlan:
	var one := MarlPlan.of(space)
	var plan := MarlGroupPlan.new()
	plan.agents = count
	plan.type = one.type
	plan.least = one.least
	plan.most = one.most
	plan._set_leaf(one.section, count * one.size)
	return plan


## The plan of a slot's values in the place of this slot: see [member MarlSlot.group_size].
static func of_slot(space: Dictionary, group_size: int) -> MarlPlan:
	if group_size == 0:
		return MarlPlan.of(space)
	return MarlGroupPlan.of_agents(space, group_size) if group_size > 0 else MarlPlan.new()


## The runs of the agents whose byte in [param marks] is not 0.
static func runs_of(marks: PackedByteArray) -> PackedInt32Array:
	var runs: PackedInt32Array = []
	var size := marks.size()
	# A search natively skips what is alike, and each agent belongs to one run or gap.
	var end := marks.find(0)
	if end < 0:
		end = size
	if end > 0:
		runs.append_array([0, end])
	var begin := end
	while begin < size:
		begin = marks.find(1, begin)
		if begin < 0:
			break
		end = marks.find(0, begin)
		if end < 0:
			end = size
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


## Appends [param value] if it is a packed array of bytes or integers in this plan's range, where
## [method MarlSections.append] would look at each element; else it answers false.
func append_packed(into: MarlSections, value: Variant) -> bool:
	if section == Section.I32 and value is PackedInt32Array:
		var integers: PackedInt32Array = value
		if _is_in_range(integers):
			into.i32.append_array(integers)
			return true
	elif section == Section.U8 and value is PackedByteArray:
		var bytes: PackedByteArray = value
		if bytes.size() == size and (most > 1 or bytes.count(0) + bytes.count(1) == size):
			into.u8.append_array(bytes)
			return true
	return false


## The actions of all agents, which start at [param cursor] (moved on) in [param sections]: a packed
## array with zeros for those whose mark is 0, or null if all are.
func read_marked(sections: Array, cursor: PackedInt32Array, marks: PackedByteArray) -> Variant:
	var begin := cursor[section]
	cursor[section] = begin + size
	if marks.count(0) == agents:
		return null
	# Only a Variant call knows the slice of every packed type.
	var packed: Variant = sections[section]
	var actions: Variant = packed.slice(begin, begin + size)
	if marks.count(0) > 0:
		var width := floori(float(size) / agents)
		var marked: Variant = packed.slice(0, 0)
		append_runs(marked, actions, runs_of(marks), width, agents)
		return marked
	return actions


func _is_in_range(integers: PackedInt32Array) -> bool:
	if integers.size() != size:
		return false
	var sorted := integers.duplicate()
	sorted.sort()
	return sorted[0] >= least and sorted[-1] <= most

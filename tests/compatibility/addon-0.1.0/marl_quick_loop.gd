class_name MarlQuickLoop
extends RefCounted
## Asks the agents of all arenas in one loop, for scenes in which they are plain: each sees a box of
## float32 numbers, and nothing else is sent of it but reward and end.
##
## It does what [MarlArena] and [MarlAgent] do for every kind of agent, in the same order, with no
## call of ours for each agent: with hundreds of them those calls take longer than the scene.

## The arenas in which an agent ended at the last [method observe]; one may be there twice.
var ended: PackedInt32Array = []

var _arenas: Array[MarlArena] = []
# One byte that is 1 once agents came or left: to look at it costs less than a property.
var _changed: PackedByteArray
# By slot of all arenas. Not a typed array of nodes: assigning a freed one to it is an error.
var _nodes: Array = []
var _agents: Array[MarlAgent] = []
var _is_live: PackedByteArray = []
var _has_truncated: PackedByteArray = []
# Where the numbers of each slot end.
var _ends: PackedInt32Array = []
var _zeros: Array[Array] = []
var _plans: Array[MarlPlan] = []
var _checked: Array[float] = []
var _arena_of: PackedInt32Array = []
var _is_current := false


## True if all of [param arenas] are plain. The state of an arena comes after its agents, so that
## only a single arena may have one.
static func can_ask(arenas: Array[MarlArena]) -> bool:
	if arenas.size() > 1 and arenas[0].state.exists():
		return false
	return arenas.all(func(arena: MarlArena) -> bool: return arena.is_plain())


## For [param arenas], which it can ask. [param changed] is that of their [MarlChanges].
func _init(arenas: Array[MarlArena], changed: PackedByteArray) -> void:
	_arenas = arenas
	_changed = changed
	var end := 0
	for i in arenas.size():
		for slot in arenas[i].get_slots():
			_arena_of.append(i)
			var zeros := []
			zeros.resize(slot.observation_plan.size)
			zeros.fill(0.0)
			end += zeros.size()
			_zeros.append(zeros)
			_plans.append(slot.observation_plan)
			_ends.append(end)
	_nodes.resize(_ends.size())
	_agents.resize(_ends.size())
	_is_live.resize(_ends.size())
	_has_truncated.resize(_ends.size())


## Tells that [MarlArena] asked the agents: some may have come, left or ended.
func forget() -> void:
	_is_current = false


## True if the agents that are there now are all plain. In the arenas [param begun] an episode has
## begun since the last call.
func prepare(begun: PackedInt32Array) -> bool:
	if not _is_current:
		begun = range(_arenas.size())
	for index in begun:
		if not _look_up(index):
			_is_current = false
			return false
	_is_current = true
	return true


## Hands out the actions of all arenas: [param marks] says which slots have one. Without
## [param actions] they are the integers [param numbers], one for each slot.
func apply(actions: Array, numbers: PackedInt64Array, marks: PackedByteArray) -> void:
	var nodes := _nodes
	var is_live := _is_live
	var changed := _changed
	var is_discrete := actions.is_empty()
	var first := 0
	if is_discrete and not marks.has(0) and marks == is_live:
		# The usual case: everybody lives and acts, and each action is one integer.
		for node: Variant in nodes:
			node.apply_action([numbers[first]])
			first += 1
			if changed[0]:
				break
	for i in range(first, marks.size()):
		if marks[i] & is_live[i] == 0:
			continue
		if changed[0] and _agents[i].is_gone():
			continue
		if is_discrete:
			nodes[i].apply_action([numbers[i]])
		else:
			nodes[i].apply_action(actions[i])


## Adds what all agents see, earned and whether they ended. Who leaves meanwhile is told as well.
func observe(reply: MarlReply) -> MarlProblem:
	var count := _ends.size()
	var nodes := _nodes
	var is_live := _is_live
	var has_truncated := _has_truncated
	var ends := _ends
	var changed := _changed
	var rewards := PackedFloat64Array()
	var flags := PackedByteArray()
	rewards.resize(count)
	flags.resize(count)
	flags.fill(MarlReply.Flag.OBSERVED)
	ended.clear()
	# What the agents from slot first on answered as Arrays. It is checked all at once.
	var numbers: Array = []
	var first := 0
	var packed := PackedFloat32Array()
	var offset := 0
	for i in count:
		var node: Variant = nodes[i]
		var is_gone: bool = is_live[i] == 0 or (changed[0] and _agents[i].is_gone())
		# Nothing tells of a node that is queued for deletion but the node itself.
		if is_gone or node.is_queued_for_deletion():
			numbers.append_array(_zeros[i])
			flags[i] = 0
			if is_live[i]:
				flags[i] = MarlReply.Flag.TERMINATED | MarlReply.Flag.LEFT
				_end(i)
			continue
		var value: Variant = node.get_observation()
		if value is Array:
			numbers.append_array(value)
		elif value is PackedFloat32Array:
			var problem := _flush(first, numbers, packed)
			if problem:
				return problem
			packed.append_array(value)
			first = i + 1
			offset = packed.size()
		if offset + numbers.size() != ends[i]:
			numbers.resize(numbers.size() - (value.size() if value is Array else 0))
			var problem := _append_other(i, value, numbers)
			if problem:
				return _first_of(first, numbers, packed, problem)
		var reward: Variant = node.get_reward()
		if reward is float or reward is int:
			rewards[i] = reward
		else:
			var problem := _agents[i].problem_of("reward", "get_reward", "a float", reward)
			return _first_of(first, numbers, packed, problem)
		var is_done: Variant = node.is_done()
		var is_truncated: Variant = node.is_truncated() if has_truncated[i] else false
		if not (is_done is bool and is_truncated is bool):
			var problem := _agents[i].problem_of("end", "is_done", "a bool", is_done)
			if is_done is bool:
				problem = _agents[i].problem_of("end", "is_truncated", "a bool", is_truncated)
			return _first_of(first, numbers, packed, problem)
		if is_done or is_truncated:
			if is_done:
				flags[i] |= MarlReply.Flag.TERMINATED
			if is_truncated:
				flags[i] |= MarlReply.Flag.TRUNCATED
			_end(i)
	var fault := _flush(first, numbers, packed)
	reply.rewards = rewards
	reply.flags = flags
	reply.observations.f32 = packed
	return fault if fault else _arenas[0].state.observe(_arenas[0].root, reply)


func _end(i: int) -> void:
	_is_live[i] = 0
	_agents[i].live = false
	ended.append(_arena_of[i])


func _look_up(index: int) -> bool:
	var agents := _arenas[index].agents
	var first := index * agents.size()
	for i in agents.size():
		var agent := agents[i]
		var takes_part := agent != null and agent.live
		if takes_part and not agent.is_plain():
			return false
		_agents[first + i] = agent
		_nodes[first + i] = agent.node if takes_part else null
		_is_live[first + i] = 1 if takes_part else 0
		_has_truncated[first + i] = 1 if takes_part and agent.has_truncated else 0
	return true


# Brings an observation of an unusual form (nested, a single number, other packed arrays) into that
# of the others.
func _append_other(i: int, value: Variant, numbers: Array) -> MarlProblem:
	var sections := MarlSections.new()
	var fault := sections.append(_agents[i].slot.observation_plan, value)
	if fault:
		return _agents[i].problem_of_observation(fault)
	numbers.append_array(Array(sections.f32))
	return null


# Moves what the agents from slot [param first] on answered into [param packed].
func _flush(first: int, numbers: Array, packed: PackedFloat32Array) -> MarlProblem:
	if numbers.is_empty():
		return null
	# Array.assign checks each element natively: it leaves the target alone when one is no number.
	_checked.clear()
	_checked.assign(numbers)
	if _checked.size() != numbers.size():
		return _take_each(first, numbers, packed)
	packed.append_array(PackedFloat32Array(_checked))
	numbers.clear()
	return null


# One of them is no number, or a list of numbers.
func _take_each(first: int, numbers: Array, packed: PackedFloat32Array) -> MarlProblem:
	var sections := MarlSections.new()
	var begin := 0
	for i in range(first, _plans.size()):
		if begin == numbers.size():
			break
		var end := begin + _plans[i].size
		var fault := sections.append(_plans[i], numbers.slice(begin, end))
		if fault:
			return _agents[i].problem_of_observation(fault)
		begin = end
	packed.append_array(sections.f32)
	numbers.clear()
	return null


# The problem of an agent, unless one before it, whose numbers nobody has checked yet, has another.
func _first_of(
	first: int, numbers: Array, packed: PackedFloat32Array, problem: MarlProblem
) -> MarlProblem:
	var fault := _flush(first, numbers, packed)
	return fault if fault else problem

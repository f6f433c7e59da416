extends RefCounted
## Calls the agents of all arenas in one loop, in scenes whose agents are eligible: each observes a
## box of float32 numbers, and the reply holds nothing else of it but its reward and end.
##
## It calls the same methods in the same order as _MarlArena and _MarlAgent, without a function call
## of the addon for each agent: with hundreds of agents, these would take longer than the scene.

const _MarlAgent := preload("res://addons/godot_marl/agents/marl_agent.gd")
const _MarlArena := preload("res://addons/godot_marl/arena/marl_arena.gd")
const _MarlProblem := preload("res://addons/godot_marl/protocol/marl_problem.gd")
const _MarlReply := preload("res://addons/godot_marl/protocol/marl_reply.gd")
const _MarlSectionBuffers := preload("res://addons/godot_marl/protocol/marl_section_buffers.gd")
const _MarlSpaceLayout := preload("res://addons/godot_marl/protocol/marl_space_layout.gd")

## The arenas in which an agent ended at the last [method observe]; an arena may occur twice.
var ended: PackedInt32Array = []

var _arenas: Array[_MarlArena] = []
# One byte, 1 once agents joined or left: reading it costs less than reading a property.
var _changed: PackedByteArray
# By slot of all arenas. Untyped: assigning a freed node to an Array[Node] is an error.
var _nodes: Array = []
var _agents: Array[_MarlAgent] = []
var _is_live: PackedByteArray = []
var _has_truncated: PackedByteArray = []
# Where the numbers of each slot end.
var _ends: PackedInt32Array = []
var _zeros: Array[Array] = []
var _observation_layouts: Array[_MarlSpaceLayout] = []
var _checked: Array[float] = []
var _arena_of: PackedInt32Array = []
var _is_current := false


## True if all of [param arenas] are eligible. An arena's state follows its agents in a message, so
## only a single arena may have one.
static func are_eligible(arenas: Array[_MarlArena]) -> bool:
	if arenas.size() > 1 and arenas[0].state.exists():
		return false
	return arenas.all(func(arena: _MarlArena) -> bool: return arena.is_fast_path_eligible())


## For [param arenas], which are eligible. [param changed] is _MarlTreeWatcher.any.
func _init(arenas: Array[_MarlArena], changed: PackedByteArray) -> void:
	_arenas = arenas
	_changed = changed
	var end := 0
	for i in arenas.size():
		for slot in arenas[i].get_slots():
			_arena_of.append(i)
			var zeros := []
			zeros.resize(slot.observation_layout.size)
			zeros.fill(0.0)
			end += zeros.size()
			_zeros.append(zeros)
			_observation_layouts.append(slot.observation_layout)
			_ends.append(end)
	_nodes.resize(_ends.size())
	_agents.resize(_ends.size())
	_is_live.resize(_ends.size())
	_has_truncated.resize(_ends.size())


## Call this after a step without the fast path: agents may have joined, left or ended.
func invalidate() -> void:
	_is_current = false


## True if all agents are eligible now. [param begun] are the arenas in which an episode began since
## the last call.
func prepare(begun: PackedInt32Array) -> bool:
	if not _is_current:
		begun = range(_arenas.size())
	for index in begun:
		if not _look_up(index):
			_is_current = false
			return false
	_is_current = true
	return true


## Applies the actions of all arenas; [param action_present] says which slots have one. If
## [param actions] is empty, they are the integers [param numbers], one for each slot.
func apply(actions: Array, numbers: PackedInt64Array, action_present: PackedByteArray) -> void:
	var nodes := _nodes
	var is_live := _is_live
	var changed := _changed
	var is_discrete := actions.is_empty()
	var first := 0
	if is_discrete and not action_present.has(0) and action_present == is_live:
		# The usual case: all agents live and act, and each action is one integer.
		for node: Variant in nodes:
			node.apply_action([numbers[first]])
			first += 1
			if changed[0]:
				break
	for i in range(first, action_present.size()):
		if action_present[i] & is_live[i] == 0:
			continue
		if changed[0] and _agents[i].is_gone():
			continue
		if is_discrete:
			nodes[i].apply_action([numbers[i]])
		else:
			nodes[i].apply_action(actions[i])


## Adds the observations, rewards and flags of all agents, also of those that leave meanwhile.
func observe(reply: _MarlReply) -> _MarlProblem:
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
	flags.fill(_MarlReply._Flag.OBSERVED)
	ended.clear()
	# The Arrays that the agents from slot first on returned, to be checked all at once.
	var numbers: Array = []
	var first := 0
	var packed := PackedFloat32Array()
	var offset := 0
	for i in count:
		var node: Variant = nodes[i]
		var is_gone: bool = is_live[i] == 0 or (changed[0] and _agents[i].is_gone())
		# No signal reports that a node is queued for deletion.
		if is_gone or node.is_queued_for_deletion():
			numbers.append_array(_zeros[i])
			flags[i] = 0
			if is_live[i]:
				flags[i] = _MarlReply._Flag.TERMINATED | _MarlReply._Flag.LEFT
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
				flags[i] |= _MarlReply._Flag.TERMINATED
			if is_truncated:
				flags[i] |= _MarlReply._Flag.TRUNCATED
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
		if takes_part and not agent.is_fast_path_eligible():
			return false
		_agents[first + i] = agent
		_nodes[first + i] = agent.node if takes_part else null
		_is_live[first + i] = 1 if takes_part else 0
		_has_truncated[first + i] = 1 if takes_part and agent.has_truncated else 0
	return true


# Appends an observation of an unusual form: nested, a single number, or another packed array.
func _append_other(i: int, value: Variant, numbers: Array) -> _MarlProblem:
	var sections := _MarlSectionBuffers.new()
	var fault := sections.append(_agents[i].slot.observation_layout, value)
	if fault:
		return _agents[i].problem_of_observation(fault)
	numbers.append_array(Array(sections.f32))
	return null


# Moves the numbers of the agents from slot [param first] on to [param packed].
func _flush(first: int, numbers: Array, packed: PackedFloat32Array) -> _MarlProblem:
	if numbers.is_empty():
		return null
	# Array.assign checks each element natively; if one is not a number, it assigns nothing.
	_checked.clear()
	_checked.assign(numbers)
	if _checked.size() != numbers.size():
		return _append_each(first, numbers, packed)
	packed.append_array(PackedFloat32Array(_checked))
	numbers.clear()
	return null


# One element is not a number, or is a list of numbers.
func _append_each(first: int, numbers: Array, packed: PackedFloat32Array) -> _MarlProblem:
	var sections := _MarlSectionBuffers.new()
	var begin := 0
	for i in range(first, _observation_layouts.size()):
		if begin == numbers.size():
			break
		var end := begin + _observation_layouts[i].size
		var fault := sections.append(_observation_layouts[i], numbers.slice(begin, end))
		if fault:
			return _agents[i].problem_of_observation(fault)
		begin = end
	packed.append_array(sections.f32)
	numbers.clear()
	return null


# The problem of the first agent that has one: numbers of agents before it are still unchecked.
func _first_of(
	first: int, numbers: Array, packed: PackedFloat32Array, problem: _MarlProblem
) -> _MarlProblem:
	var fault := _flush(first, numbers, packed)
	return fault if fault else problem

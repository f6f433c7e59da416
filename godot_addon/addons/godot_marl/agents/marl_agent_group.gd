extends "res://addons/godot_marl/agents/marl_agent.gd"
## A node that answers for several agents: its methods take and return one packed array for all of
## them, one agent after the other.
##
## While all agents live, nothing here loops over them; only agents that end are handled one by one.

const _MarlGroupLayout := preload("res://addons/godot_marl/protocol/marl_group_layout.gd")
const _MarlGroupLifecycle := preload("res://addons/godot_marl/agents/marl_group_lifecycle.gd")
const _MarlGroupValidator := preload("res://addons/godot_marl/agents/marl_group_validator.gd")
const _MarlSectionBuffers := preload("res://addons/godot_marl/protocol/marl_section_buffers.gd")

var _observations: _MarlGroupLayout
var _lifecycle := _MarlGroupLifecycle.new()
# The problem that _read_bits() found, or null.
var _fault: _MarlProblem
var _numbers: Array[float] = []
var _scratch := _MarlSectionBuffers.new()


func _init(group_node: Node) -> void:
	super(group_node)
	var answer: Variant = node.call(COUNT)
	fault = _MarlGroupValidator.fault_of(node, answer)
	if fault == null:
		span = answer
		group_size = span


## The agents' names: [param first], and those that continue its index.
func names_from(first: String) -> PackedStringArray:
	var separator := first.rfind("_")
	var first_index := first.substr(separator + 1).to_int()
	var list: PackedStringArray = []
	for i in span:
		list.append("%s_%d" % [first.left(separator), first_index + i])
	return list


func make_slots(into: Array[_MarlAgentSlot], configuration: Dictionary) -> _MarlProblem:
	slot = _MarlAgentSlot.new(names[0], policy, path)
	slot.group_size = span
	var problem := slot.ask(node, configuration)
	if problem:
		return problem
	into.append(slot)
	for i in range(1, span):
		into.append(slot.twin(names[i]))
	return _MarlGroupValidator.problem_of_spaces(self, configuration)


func begin(episode_seed: int) -> void:
	super(episode_seed)
	_observations = _MarlGroupLayout.of_agents(slot.observation_layout, span)
	_lifecycle.begin(span)


func observe_first(reply: _MarlReply, infos: Dictionary) -> _MarlProblem:
	reply.rewards.resize(reply.rewards.size() + span)
	reply.flags.append_array(_lifecycle.living)
	var problem := _observe(reply)
	return problem if problem else _add_mask_and_info(reply, infos)


func observe(reply: _MarlReply, infos: Dictionary) -> _MarlProblem:
	var problem := _observe(reply)
	if problem == null:
		problem = _add_rewards(reply)
	if problem:
		return problem
	_fault = null
	var done := _read_bits("end", "is_done", 1)
	var truncated := _lifecycle.truncated
	if has_truncated and _fault == null:
		truncated = _read_bits("end", "is_truncated", 1)
	if _fault:
		return _fault
	if not _lifecycle.has_endings(done, truncated):
		reply.flags.append_array(_lifecycle.living)
		return _add_mask_and_info(reply, infos)
	reply.flags.append_array(_lifecycle.end(done, truncated))
	problem = _add_mask_and_info(reply, infos)
	live = _lifecycle.remove_ended()
	return problem


func skip(reply: _MarlReply, first: bool) -> bool:
	var flags := PackedByteArray()
	var have_left := live and not first
	if have_left:
		flags = _lifecycle.leave()
	flags.resize(span)
	live = false
	reply.rewards.resize(reply.rewards.size() + span)
	reply.flags.append_array(flags)
	reply.masks.resize(reply.masks.size() + span * slot.mask_size)
	reply.observations.skip(_MarlGroupLayout.of_agents(slot.observation_layout, span))
	return have_left


func is_fast_path_eligible() -> bool:
	return false


func is_over() -> bool:
	var done := _read_bits("end", "is_done", 1)
	var truncated := _read_bits("end", "is_truncated", 1) if has_truncated else _lifecycle.truncated
	for i in span:
		if _lifecycle.living[i] and not (done[i] or truncated[i]):
			return false
	return true


## The agents' names for error texts.
func get_title() -> String:
	if names.is_empty():
		return str(node.name)
	return "%s to %s" % [names[0], names[-1]]


func problem_of(code: String, method: String, expected: String, got: Variant) -> _MarlProblem:
	return _MarlProblem.of_answer(code, get_title(), path, method, expected, got)


func _observe(reply: _MarlReply) -> _MarlProblem:
	var answer: Variant = node.call("get_observation")
	var is_whole := _lifecycle.is_whole()
	var into := reply.observations if is_whole else _scratch
	if not is_whole:
		_scratch.clear()
	if not _observations.append_packed(into, answer):
		var wrong := into.append(_observations, answer)
		if wrong:
			return _problem_of_observation(wrong)
	if not is_whole:
		var section := _observations.section
		_MarlGroupLayout.append_runs(
			reply.observations.to_list()[section],
			_scratch.to_list()[section],
			_lifecycle.runs,
			slot.observation_layout.size,
			span
		)
	return null


func _add_rewards(reply: _MarlReply) -> _MarlProblem:
	var answer: Variant = node.call("get_reward")
	var rewards := PackedFloat64Array()
	if answer is PackedFloat64Array:
		rewards = answer
	elif answer is Array or typeof(answer) >= TYPE_PACKED_BYTE_ARRAY:
		# If an element is not a number, Array.assign assigns nothing.
		_numbers.clear()
		_numbers.assign(Array(answer))
		rewards = PackedFloat64Array(_numbers)
	if rewards.size() != span:
		return problem_of("reward", "get_reward", "%d numbers" % span, answer)
	if _lifecycle.is_whole():
		reply.rewards.append_array(rewards)
	else:
		_MarlGroupLayout.append_runs(reply.rewards, rewards, _lifecycle.runs, 1, span)
	return null


func _add_mask_and_info(reply: _MarlReply, infos: Dictionary) -> _MarlProblem:
	if slot.mask_size > 0:
		_fault = null
		var mask := _read_bits("action_mask", "get_action_mask", slot.mask_size)
		if _fault:
			return _fault
		_MarlGroupLayout.append_runs(reply.masks, mask, _lifecycle.runs, slot.mask_size, span)
	return _add_infos(infos) if has_info else null


func _add_infos(infos: Dictionary) -> _MarlProblem:
	var answer: Variant = node.call("get_info")
	var expected := "an Array of %d Dictionaries" % span
	if not answer is Array or (answer as Array).size() != span:
		return problem_of("info", "get_info", expected, answer)
	var list: Array = answer
	for i in range(0, _lifecycle.runs.size(), 2):
		for index in range(_lifecycle.runs[i], _lifecycle.runs[i + 1]):
			if not list[index] is Dictionary:
				return problem_of("info", "get_info", expected, answer)
			if not (list[index] as Dictionary).is_empty():
				infos[names[index]] = list[index]
				var place := "%s.get_info()[%d]" % [path, index]
				var problem := _MarlInfoValidator.problem_of(
					list[index] as Dictionary, names[index], place
				)
				if problem:
					return problem
	return null


# Zeros and ones, [param width] for each agent; [member _fault] is the problem with them. Values of
# agents that ended earlier are ignored.
func _read_bits(code: String, method: String, width: int) -> PackedByteArray:
	var answer: Variant = node.call(method)
	var size := span * width
	var bits := PackedByteArray()
	if answer is PackedByteArray:
		bits = answer
	elif answer is Array and (answer as Array).all(_is_zero_or_one):
		bits = PackedByteArray(answer as Array)
	if bits.size() == size and bits.count(0) + bits.count(1) != size:
		var relevant := PackedByteArray()
		_MarlGroupLayout.append_runs(relevant, bits, _lifecycle.runs, width, span)
		bits = relevant
	if bits.size() != size or bits.count(0) + bits.count(1) != size:
		var shape := str(span) if width == 1 else "%d x %d" % [span, width]
		_fault = problem_of(code, method, "%s times 0 or 1" % shape, answer)
	return bits


func _problem_of_observation(wrong: PackedStringArray) -> _MarlProblem:
	var size := slot.observation_layout.size
	return _MarlProblem.new(
		"observation",
		"Agents %s answered an observation that is not in their space." % get_title(),
		path + ".get_observation()",
		wrong[0].replace(str(span * size), "%d x %d" % [span, size]),
		wrong[1],
		"Answer for each of the %d agents as many numbers as %s." % [span, slot.source]
	)

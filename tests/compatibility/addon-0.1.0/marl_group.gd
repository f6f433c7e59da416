class_name MarlGroup
extends MarlAgent
## A node that answers for many agents at once: its methods take and return one packed array for all
## of them, one agent after the other.
##
## Nothing here loops over the agents while all of them live; what is done for each one is done for
## those alone that end.

## The method that makes an agent's node one of many agents.
const COUNT := "get_agent_count"

## Why the node cannot be what it wants to be, or null.
var fault: MarlProblem

var _observations: MarlGroupPlan
var _life := MarlGroupLife.new()
# What was wrong with the last answer that a method of ours took.
var _fault: MarlProblem
var _numbers: Array[float] = []
var _scratch := MarlSections.new()


func _init(group_node: Node) -> void:
	super(group_node)
	var answer: Variant = node.call(COUNT)
	fault = MarlGroupChecks.fault_of(node, answer)
	if fault == null:
		span = answer


## The agent or the group of agents that [param agent_node] is.
static func agent_of(agent_node: Node) -> MarlAgent:
	return MarlGroup.new(agent_node) if agent_node.has_method(COUNT) else MarlAgent.new(agent_node)


## The agents' names: the first, and those that count on from it.
func names_from(first: String) -> PackedStringArray:
	var mark := first.rfind("_")
	var begin := first.substr(mark + 1).to_int()
	var list: PackedStringArray = []
	for i in span:
		list.append("%s_%d" % [first.left(mark), begin + i])
	return list


func make_slots(into: Array[MarlSlot], configuration: Dictionary) -> MarlProblem:
	slot = MarlSlot.new(names[0], policy, path)
	slot.group_size = span
	var problem := slot.ask(node, configuration)
	if problem:
		return problem
	into.append(slot)
	for i in range(1, span):
		into.append(slot.twin(names[i]))
	return MarlGroupChecks.problem_of_spaces(self, configuration)


func begin(episode_seed: int) -> void:
	super(episode_seed)
	_observations = MarlGroupPlan.of_agents(slot.observation_space, span)
	_life.begin(span)


func observe_first(reply: MarlReply, infos: Dictionary) -> MarlProblem:
	reply.rewards.resize(reply.rewards.size() + span)
	reply.flags.append_array(_life.living)
	var problem := _observe(reply)
	return problem if problem else _add_mask_and_info(reply, infos)


func observe(reply: MarlReply, infos: Dictionary) -> MarlProblem:
	var problem := _observe(reply)
	if problem == null:
		problem = _add_rewards(reply)
	if problem:
		return problem
	_fault = null
	var done := _ask_marks("end", "is_done", 1)
	var truncated := _life.truncated
	if has_truncated and _fault == null:
		truncated = _ask_marks("end", "is_truncated", 1)
	if _fault:
		return _fault
	if not _life.has_endings(done, truncated):
		reply.flags.append_array(_life.living)
		return _add_mask_and_info(reply, infos)
	reply.flags.append_array(_life.end(done, truncated))
	problem = _add_mask_and_info(reply, infos)
	live = _life.bury()
	return problem


## Adds nothing for all of its agents. Unless [param first] those who lived have left: it tells so,
## and answers true.
func skip(reply: MarlReply, first: bool) -> bool:
	var flags := PackedByteArray()
	var have_left := live and not first
	if have_left:
		flags = _life.leave()
	flags.resize(span)
	live = false
	reply.rewards.resize(reply.rewards.size() + span)
	reply.flags.append_array(flags)
	reply.masks.resize(reply.masks.size() + span * slot.mask_size)
	reply.observations.skip(MarlGroupPlan.of_agents(slot.observation_space, span))
	return have_left


func is_plain() -> bool:
	return false


func is_over() -> bool:
	var done := _ask_marks("end", "is_done", 1)
	var truncated := _ask_marks("end", "is_truncated", 1) if has_truncated else _life.truncated
	for i in span:
		if _life.living[i] and not (done[i] or truncated[i]):
			return false
	return true


## Whom messages are about.
func get_title() -> String:
	if names.is_empty():
		return str(node.name)
	return "%s to %s" % [names[0], names[-1]]


func problem_of(code: String, method: String, expected: String, got: Variant) -> MarlProblem:
	return MarlProblem.of_answer(code, get_title(), path, method, expected, got)


func _observe(reply: MarlReply) -> MarlProblem:
	var answer: Variant = node.call("get_observation")
	var is_whole := _life.is_whole()
	var into := reply.observations if is_whole else _scratch
	if not is_whole:
		_scratch.clear()
	if not _observations.append_packed(into, answer):
		var wrong := into.append(_observations, answer)
		if wrong:
			return _problem_of_observation(wrong)
	if not is_whole:
		var section := _observations.section
		MarlGroupPlan.append_runs(
			reply.observations.to_list()[section],
			_scratch.to_list()[section],
			_life.runs,
			slot.observation_plan.size,
			span
		)
	return null


func _add_rewards(reply: MarlReply) -> MarlProblem:
	var answer: Variant = node.call("get_reward")
	var rewards := PackedFloat64Array()
	if answer is PackedFloat64Array:
		rewards = answer
	elif answer is Array or typeof(answer) >= TYPE_PACKED_BYTE_ARRAY:
		# See MarlSections: a wrong element leaves the target alone.
		_numbers.clear()
		_numbers.assign(Array(answer))
		rewards = PackedFloat64Array(_numbers)
	if rewards.size() != span:
		return problem_of("reward", "get_reward", "%d numbers" % span, answer)
	if _life.is_whole():
		reply.rewards.append_array(rewards)
	else:
		MarlGroupPlan.append_runs(reply.rewards, rewards, _life.runs, 1, span)
	return null


func _add_mask_and_info(reply: MarlReply, infos: Dictionary) -> MarlProblem:
	if slot.mask_size > 0:
		_fault = null
		var mask := _ask_marks("action_mask", "get_action_mask", slot.mask_size)
		if _fault:
			return _fault
		MarlGroupPlan.append_runs(reply.masks, mask, _life.runs, slot.mask_size, span)
	return _add_infos(infos) if has_info else null


func _add_infos(infos: Dictionary) -> MarlProblem:
	var answer: Variant = node.call("get_info")
	var expected := "an Array of %d Dictionaries" % span
	if not answer is Array or (answer as Array).size() != span:
		return problem_of("info", "get_info", expected, answer)
	var list: Array = answer
	for i in range(0, _life.runs.size(), 2):
		for index in range(_life.runs[i], _life.runs[i + 1]):
			if not list[index] is Dictionary:
				return problem_of("info", "get_info", expected, answer)
			if not (list[index] as Dictionary).is_empty():
				infos[names[index]] = list[index]
				var place := "%s.get_info()[%d]" % [path, index]
				var problem := MarlInfos.problem_of(list[index] as Dictionary, names[index], place)
				if problem:
					return problem
	return null


# Zeros and ones, [param width] for each agent. In [member _fault] is what is wrong with them; what
# agents that ended before answer does not matter.
func _ask_marks(code: String, method: String, width: int) -> PackedByteArray:
	var answer: Variant = node.call(method)
	var size := span * width
	var marks := PackedByteArray()
	if answer is PackedByteArray:
		marks = answer
	elif answer is Array and (answer as Array).all(_is_mark):
		marks = PackedByteArray(answer as Array)
	if marks.size() == size and marks.count(0) + marks.count(1) != size:
		var relevant := PackedByteArray()
		MarlGroupPlan.append_runs(relevant, marks, _life.runs, width, span)
		marks = relevant
	if marks.size() != size or marks.count(0) + marks.count(1) != size:
		var shape := str(span) if width == 1 else "%d x %d" % [span, width]
		_fault = problem_of(code, method, "%s times 0 or 1" % shape, answer)
	return marks


func _problem_of_observation(wrong: PackedStringArray) -> MarlProblem:
	var size := slot.observation_plan.size
	return MarlProblem.new(
		"observation",
		"Agents %s answered an observation that is not in their space." % get_title(),
		path + ".get_observation()",
		wrong[0].replace(str(span * size), "%d x %d" % [span, size]),
		wrong[1],
		"Answer for each of the %d agents as many numbers as %s." % [span, slot.source]
	)

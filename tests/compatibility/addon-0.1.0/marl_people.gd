class_name MarlPeople
extends RefCounted
## The agents of an arena that people play: what a person does takes the place of Python's action.

const _METHOD := "get_human_action"
# How alike two names must be for one to be a slip of the other.
const _ALIKE := 0.5

## True if somebody who was asked has not decided yet.
var is_undecided := false

# The slots that people play.
var _slots: Array[MarlSlot] = []
var _indices: PackedInt32Array = []
# By slot: what its person did last in this step.
var _answers := {}
# Checks an answer's type and size, and brings it into the form of an action that Python sent.
var _sections := MarlSections.new()


## Takes the names in Python's [param configuration]. [param found] are the agents that are there.
func declare(
	configuration: Dictionary, found: Array[MarlAgent], slots: Array[MarlSlot]
) -> MarlProblem:
	var able: PackedStringArray = []
	var unable := {}
	for agent in found:
		if agent.node.has_method(_METHOD):
			able.append(agent.name)
			continue
		for one in agent.names:
			unable[one] = agent
	var names: PackedStringArray = []
	for slot in slots:
		names.append(slot.name)
	for wish: Variant in configuration.get("human_agents", []):
		var index := names.find(str(wish))
		if index < 0:
			return _unknown_problem(str(wish), names, able)
		if unable.has(wish):
			return _unable_problem(unable[wish] as MarlAgent, able)
		if not _indices.has(index):
			_indices.append(index)
			_slots.append(slots[index])
	return null


## True if nobody plays here.
func is_empty() -> bool:
	return _indices.is_empty()


## The nodes of [param agents] that people play, and those above them as far as [param root].
func nodes_of(agents: Array[MarlAgent], root: Node) -> Array[Node]:
	var nodes: Array[Node] = []
	for index in _indices:
		var agent := agents[index]
		if agent == null or agent.is_gone():
			continue
		var node := agent.node
		while node and not nodes.has(node):
			nodes.append(node)
			node = null if node == root else node.get_parent()
	return nodes


## Begins a step: nobody has decided anything.
func begin_step() -> void:
	_answers.clear()


## Asks everybody who is to act, and puts the answers into [param actions], where those of this
## arena begin at [param first]. Until the first answer of a step is there, [member is_undecided]
## is true; later the last one holds as long as there is no other.
func ask(agents: Array[MarlAgent], actions: Array, first: int) -> MarlProblem:
	is_undecided = false
	for i in _indices.size():
		var index := _indices[i]
		var agent := agents[index]
		if agent == null or not agent.live or agent.is_gone() or actions[first + index] == null:
			continue
		# In later frames of a step the turn may have passed on.
		if agent.is_turn() or not agent.node.has_method("is_turn"):
			var problem := _ask(agent, index, _slots[i].action_space)
			if problem:
				return problem
		if _answers.has(index):
			actions[first + index] = _answers[index]
		else:
			is_undecided = true
	return null


## Adds to [param infos] what the people did in the step's last frame.
func add_infos(infos: Dictionary) -> void:
	for i in _indices.size():
		if _answers.has(_indices[i]):
			# A copy, because the scene may keep its info.
			var info: Dictionary = (infos.get(_slots[i].name, {}) as Dictionary).duplicate()
			info["human_action"] = _answers[_indices[i]]
			infos[_slots[i].name] = info


func _ask(agent: MarlAgent, index: int, space: Dictionary) -> MarlProblem:
	if not agent.node.has_method(_METHOD):
		return _unable_problem(agent, [])
	var answer: Variant = agent.node.call(_METHOD)
	if not answer is Array:
		var expected := "an Array, empty while the person has not decided"
		return _answer_problem(agent, expected, MarlProblem.describe(answer))
	var action: Array = answer
	if action.is_empty():
		return null
	var plan := MarlPlan.of(space)
	var is_wrapped := plan.type == "dict" and action.size() == 1
	_sections.clear()
	var fault := _sections.append(plan, action[0] if is_wrapped else answer)
	if fault:
		return _answer_problem(agent, fault[0], fault[1])
	action = plan.read(_sections.to_list(), [0, 0, 0, 0, 0])
	var range_fault := MarlBounds.fault_of(space, action[0] if plan.type == "dict" else action)
	if range_fault:
		return _answer_problem(agent, range_fault, MarlProblem.describe(answer))
	_answers[index] = action
	return null


static func _answer_problem(agent: MarlAgent, expected: String, got: String) -> MarlProblem:
	return MarlProblem.new(
		"human_action",
		"Agent %s answered a human action that is not in its action space." % agent.name,
		"%s.%s()" % [agent.path, _METHOD],
		expected,
		got,
		"Answer what apply_action() takes, such as [2] for a Discrete space, or [] to wait."
	)


static func _unknown_problem(
	wish: String, names: PackedStringArray, able: PackedStringArray
) -> MarlProblem:
	var remedy := "Give one of these agents a method get_human_action(), and its name here."
	if able:
		remedy = "Agents with get_human_action() are: %s." % ", ".join(able)
	var closest := ""
	for name in names:
		if wish.similarity(name) > maxf(_ALIKE, wish.similarity(closest)):
			closest = name
	return MarlProblem.new(
		"configure",
		"human_agents names an agent that the scene does not have.",
		"human_agents",
		"some of %s" % ", ".join(names),
		wish,
		"Did you mean %s? %s" % [closest, remedy] if closest else remedy
	)


static func _unable_problem(agent: MarlAgent, able: PackedStringArray) -> MarlProblem:
	var remedy := "Add get_human_action() -> Array to the agent's script"
	if able:
		remedy += ", or name an agent that has it: %s" % ", ".join(able)
	return MarlProblem.new(
		"configure",
		"Agent %s cannot be played by a person." % agent.name,
		"%s.%s()" % [agent.path, _METHOD],
		"a method that answers what a person at the keyboard would do now",
		"no such method",
		remedy + "."
	)

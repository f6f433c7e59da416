extends "res://addons/godot_marl/agents/marl_human_control.gd"
## The agents of an arena that people play: a person's action replaces Python's.

const _MarlSectionBuffers := preload("res://addons/godot_marl/protocol/marl_section_buffers.gd")
const _MarlSpaceRegistry := preload(
	"res://addons/godot_marl/protocol/spaces/marl_space_registry.gd"
)

const _METHOD := "get_human_action"
# How similar a name must be to be suggested.
const _ALIKE := 0.5

# The slots that people play.
var _slots: Array[_MarlAgentSlot] = []
var _indices: PackedInt32Array = []
# By slot: the person's last action in this step.
var _answers := {}
# Checks an action's type and size, and converts it to the form of an action from Python.
var _sections := _MarlSectionBuffers.new()


func declare(
	configuration: Dictionary, found: Array[_MarlAgent], slots: Array[_MarlAgentSlot]
) -> _MarlProblem:
	var playable: PackedStringArray = []
	var unplayable := {}
	for agent in found:
		if agent.node.has_method(_METHOD):
			playable.append(agent.name)
			continue
		for one in agent.names:
			unplayable[one] = agent
	var names: PackedStringArray = []
	for slot in slots:
		names.append(slot.name)
	for wanted: Variant in configuration.get("human_agents", []):
		var index := names.find(str(wanted))
		if index < 0:
			return _unknown_problem(str(wanted), names, playable)
		if unplayable.has(wanted):
			return _unable_problem(unplayable[wanted] as _MarlAgent, playable)
		if not _indices.has(index):
			_indices.append(index)
			_slots.append(slots[index])
	return null


func is_empty() -> bool:
	return _indices.is_empty()


func nodes_of(agents: Array[_MarlAgent], root: Node) -> Array[Node]:
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


func begin_step() -> void:
	_answers.clear()


func ask(agents: Array[_MarlAgent], actions: Array, first: int) -> _MarlProblem:
	awaits_action = false
	for i in _indices.size():
		var index := _indices[i]
		var agent := agents[index]
		if agent == null or not agent.live or agent.is_gone() or actions[first + index] == null:
			continue
		# In a later frame of the step another agent may have the turn.
		if agent.is_turn() or not agent.node.has_method("is_turn"):
			var problem := _ask(agent, index, _slots[i])
			if problem:
				return problem
		if _answers.has(index):
			actions[first + index] = _answers[index]
		else:
			awaits_action = true
	return null


func add_infos(infos: Dictionary) -> void:
	for i in _indices.size():
		if _answers.has(_indices[i]):
			# A copy, because the scene may keep its info.
			var info: Dictionary = (infos.get(_slots[i].name, {}) as Dictionary).duplicate()
			info["human_action"] = _answers[_indices[i]]
			infos[_slots[i].name] = info


func _ask(agent: _MarlAgent, index: int, slot: _MarlAgentSlot) -> _MarlProblem:
	if not agent.node.has_method(_METHOD):
		return _unable_problem(agent, [])
	var answer: Variant = agent.node.call(_METHOD)
	if not answer is Array:
		var expected := "an Array, empty while the person has not decided"
		return _answer_problem(agent, expected, _MarlProblem.describe(answer))
	var action: Array = answer
	if action.is_empty():
		return null
	var layout := slot.action_layout
	var is_wrapped := layout.is_wrapped() and action.size() == 1
	_sections.clear()
	var fault := _sections.append(layout, action[0] if is_wrapped else answer)
	if fault:
		return _answer_problem(agent, fault[0], fault[1])
	action = layout.read(_sections.to_list(), [0, 0, 0, 0, 0])
	var value: Variant = action[0] if layout.is_wrapped() else action
	var range_fault := _MarlSpaceRegistry.fault_of(slot.action_space, value)
	if range_fault:
		return _answer_problem(agent, range_fault, _MarlProblem.describe(answer))
	_answers[index] = action
	return null


static func _answer_problem(agent: _MarlAgent, expected: String, got: String) -> _MarlProblem:
	return _MarlProblem.new(
		"human_action",
		"Agent %s answered a human action that is not in its action space." % agent.name,
		"%s.%s()" % [agent.path, _METHOD],
		expected,
		got,
		"Answer what apply_action() takes, such as [2] for a Discrete space, or [] to wait."
	)


static func _unknown_problem(
	wanted: String, names: PackedStringArray, playable: PackedStringArray
) -> _MarlProblem:
	var remedy := "Give one of these agents a method get_human_action(), and its name here."
	if playable:
		remedy = "Agents with get_human_action() are: %s." % ", ".join(playable)
	var closest := ""
	for name in names:
		if wanted.similarity(name) > maxf(_ALIKE, wanted.similarity(closest)):
			closest = name
	return _MarlProblem.new(
		"configure",
		"human_agents names an agent that the scene does not have.",
		"human_agents",
		"some of %s" % ", ".join(names),
		wanted,
		"Did you mean %s? %s" % [closest, remedy] if closest else remedy
	)


static func _unable_problem(agent: _MarlAgent, playable: PackedStringArray) -> _MarlProblem:
	var remedy := "Add get_human_action() -> Array to the agent's script"
	if playable:
		remedy += ", or name an agent that has it: %s" % ", ".join(playable)
	return _MarlProblem.new(
		"configure",
		"Agent %s cannot be played by a person." % agent.name,
		"%s.%s()" % [agent.path, _METHOD],
		"a method that answers what a person at the keyboard would do now",
		"no such method",
		remedy + "."
	)

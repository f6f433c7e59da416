class_name MarlPresence
extends RefCounted
## Knows which agents of an arena are there: gives slots to those who come, and notices who leaves.

## All slots: of the agents that were there at the handshake, then of those that may come later.
var slots: Array[MarlSlot] = []
## The node below which the agents are.
var root: Node
## True if agents came or left since [method compare].
var is_changed := false
## True while the tree is as it was when the episode began.
var is_fresh := false

var _agents: Array[MarlAgent] = []
var _first_future := 0
var _slots_by_node := {}
var _used := {}
var _episode_seed := 0


## Looks below [param arena_root], and fills [param agents], the arena's own list by slot.
func _init(arena_root: Node, agents: Array[MarlAgent]) -> void:
	root = arena_root
	_agents = agents


## Makes slots of the agents that are there, and of those that get_possible_agents declares.
func declare(found: Array[MarlAgent], configuration: Dictionary) -> MarlProblem:
	for agent in found:
		_slots_by_node[agent.node.get_instance_id()] = slots.size()
		var problem := agent.make_slots(slots, configuration)
		if problem:
			return problem
	_first_future = slots.size()
	if not root.has_method("get_possible_agents"):
		return null
	var answer: Variant = root.call("get_possible_agents")
	if not answer is Dictionary:
		return _declaration_problem("a Dictionary from policy name to declaration", answer)
	for policy: Variant in answer:
		var problem := _declare_policy(policy, answer[policy], configuration)
		if problem:
			return problem
	return null


## Takes the agents that are there at the beginning of an episode.
func begin(found: Array[MarlAgent], episode_seed: int) -> MarlProblem:
	_episode_seed = episode_seed
	is_changed = false
	is_fresh = true
	_slots_by_node.clear()
	_used.clear()
	var strangers: Array[MarlAgent] = []
	for agent in found:
		var slot := _slot_of(agent.name)
		if slot < 0:
			strangers.append(agent)
			continue
		var problem := _seat(agent, slot)
		if problem:
			return problem
	for agent in strangers:
		var problem := _seat_newcomer(agent)
		if problem:
			return problem
	return null


## Begins an episode with the agents that are there, who are those of the last one.
func begin_again(episode_seed: int) -> void:
	_episode_seed = episode_seed


## Compares who is there with who was there. Those who came are seated, those who left are marked.
func compare() -> MarlProblem:
	if not is_changed:
		return null
	is_changed = false
	var nodes := MarlDiscovery.agent_nodes_below(root)
	var present := {}
	for node in nodes:
		present[node.get_instance_id()] = true
	for id: int in _slots_by_node.keys():
		if not present.has(id):
			_agents[_slots_by_node[id] as int].has_left = true
			_slots_by_node.erase(id)
	for node in nodes:
		if _slots_by_node.has(node.get_instance_id()):
			continue
		var agent := MarlGroup.agent_of(node)
		var problem := _seat_newcomer(agent)
		if problem:
			return problem
		agent.join(_episode_seed)
	return null


## The names of the nodes that had a slot, by instance id.
func names_by_node() -> Dictionary:
	var names := {}
	for id: int in _slots_by_node:
		names[id] = slots[_slots_by_node[id] as int].name
	return names


func _declare_policy(
	policy: Variant, declaration: Variant, configuration: Dictionary
) -> MarlProblem:
	var most: Variant = declaration.get("max") if declaration is Dictionary else null
	if not MarlAgent.text_of(policy) or not most is int or most < 1:
		return _declaration_problem(
			"{policy name: {max (at least 1), observation_space, action_space}}",
			{policy: declaration}
		)
	var index := 0
	for i: int in most:
		while _slot_of("%s_%d" % [policy, index]) >= 0:
			index += 1
		var path := "%s.get_possible_agents()[%s]" % [root.get_path(), policy]
		var slot := MarlSlot.new("%s_%d" % [policy, index], str(policy), path)
		var problem := slot.declare(declaration as Dictionary, configuration)
		if problem:
			return problem
		slots.append(slot)
	return null


func _seat_newcomer(agent: MarlAgent) -> MarlProblem:
	var problem := MarlGroupChecks.problem_of_birth(agent)
	if problem:
		return problem
	var declared := 0
	for slot in range(_first_future, slots.size()):
		if slots[slot].policy == agent.policy:
			declared += 1
			if not _used.has(slot):
				return _seat(agent, slot)
	var what := "An agent came that nobody declared."
	if declared > 0:
		what = "More agents of one policy came than were declared."
	return MarlProblem.new(
		"birth",
		what,
		agent.path,
		'at most %d agents of the policy "%s" that come later' % [declared, agent.policy],
		"one more",
		(
			"Give the arena's root a method get_possible_agents() that answers "
			+ '{"%s": {"max": ..., "observation_space": ..., "action_space": ...}}.' % agent.policy
		)
	)


func _seat(agent: MarlAgent, index: int) -> MarlProblem:
	var slot := slots[index]
	var problem := MarlGroupChecks.problem_of_seat(agent, slot)
	if problem:
		return problem
	if agent.node.has_method("get_action_mask") != (slot.mask_size > 0):
		return MarlProblem.new(
			"birth",
			"An agent came whose action mask is declared otherwise.",
			agent.path,
			"get_action_mask() just where the declaration has action_mask: true",
			"get_action_mask()" if slot.mask_size == 0 else "no get_action_mask()",
			"Put action_mask: true into get_possible_agents(), or take it out."
		)
	agent.slot = slot
	agent.name = slot.name
	_used[index] = true
	_slots_by_node[agent.node.get_instance_id()] = index
	_agents[index] = agent
	return null


func _slot_of(agent_name: String) -> int:
	for slot in slots.size():
		if slots[slot].name == agent_name:
			return slot
	return -1


func _declaration_problem(expected: String, got: Variant) -> MarlProblem:
	return MarlProblem.new(
		"space",
		"get_possible_agents() declares no agents.",
		"%s.get_possible_agents()" % root.get_path(),
		expected,
		MarlProblem.describe(got),
		'For example {"sheep": {"max": 3, "observation_space": ..., "action_space": ...}}.'
	)

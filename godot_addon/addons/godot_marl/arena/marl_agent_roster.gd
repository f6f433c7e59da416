extends RefCounted
## The agents of an arena that are present: assigns slots to those that join, marks those that left.

const _MarlAgent := preload("res://addons/godot_marl/agents/marl_agent.gd")
const _MarlAgentDiscovery := preload("res://addons/godot_marl/arena/marl_agent_discovery.gd")
const _MarlAgentSlot := preload("res://addons/godot_marl/agents/marl_agent_slot.gd")
const _MarlProblem := preload("res://addons/godot_marl/protocol/marl_problem.gd")

# Loaded for what is wrong with a group.
const _GROUP_VALIDATOR := "res://addons/godot_marl/agents/marl_group_validator.gd"

## All slots: of the agents that existed at the handshake, then of those that may join later.
var slots: Array[_MarlAgentSlot] = []
## The node below which the agents are.
var root: Node
## True if agents joined or left since [method compare].
var is_changed := false
## True while no agent or body was added or removed since the episode began.
var is_fresh := false

var _agents: Array[_MarlAgent] = []
var _first_future := 0
var _slots_by_node := {}
var _used := {}
var _episode_seed := 0


## Looks below [param arena_root] and fills [param agents], the arena's list by slot.
func _init(arena_root: Node, agents: Array[_MarlAgent]) -> void:
	root = arena_root
	_agents = agents


## Makes slots for the agents that exist, and for those that get_possible_agents declares.
func declare(found: Array[_MarlAgent], configuration: Dictionary) -> _MarlProblem:
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


## Begins an episode with the agents [param found].
func begin(found: Array[_MarlAgent], episode_seed: int) -> _MarlProblem:
	_episode_seed = episode_seed
	is_changed = false
	is_fresh = true
	_slots_by_node.clear()
	_used.clear()
	var newcomers: Array[_MarlAgent] = []
	for agent in found:
		var slot := _slot_of(agent.name)
		if slot < 0:
			newcomers.append(agent)
			continue
		var problem := _assign(agent, slot)
		if problem:
			return problem
	for agent in newcomers:
		var problem := _assign_newcomer(agent)
		if problem:
			return problem
	return null


## Begins an episode with the same agents as the last one.
func begin_again(episode_seed: int) -> void:
	_episode_seed = episode_seed


## Assigns slots to agents that joined since the last call, and marks those that left.
func compare() -> _MarlProblem:
	if not is_changed:
		return null
	is_changed = false
	var nodes := _MarlAgentDiscovery.agent_nodes_below(root)
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
		var agent := _MarlAgent.of_node(node)
		var problem := _assign_newcomer(agent)
		if problem:
			return problem
		agent.join(_episode_seed)
	return null


## The names of the nodes that have a slot, by instance id.
func names_by_node() -> Dictionary:
	var names := {}
	for id: int in _slots_by_node:
		names[id] = slots[_slots_by_node[id] as int].name
	return names


func _declare_policy(
	policy: Variant, declaration: Variant, configuration: Dictionary
) -> _MarlProblem:
	var most: Variant = declaration.get("max") if declaration is Dictionary else null
	if not _MarlAgent.text_of(policy) or not most is int or most < 1:
		return _declaration_problem(
			"{policy name: {max (at least 1), observation_space, action_space}}",
			{policy: declaration}
		)
	var index := 0
	for i: int in most:
		while _slot_of("%s_%d" % [policy, index]) >= 0:
			index += 1
		var path := "%s.get_possible_agents()[%s]" % [root.get_path(), policy]
		var slot := _MarlAgentSlot.new("%s_%d" % [policy, index], str(policy), path)
		var problem := slot.declare(declaration as Dictionary, configuration)
		if problem:
			return problem
		slots.append(slot)
	return null


func _assign_newcomer(agent: _MarlAgent) -> _MarlProblem:
	if agent.group_size > 0:
		return load(_GROUP_VALIDATOR).call("problem_of_birth", agent)
	var declared := 0
	for slot in range(_first_future, slots.size()):
		if slots[slot].policy == agent.policy:
			declared += 1
			if not _used.has(slot):
				return _assign(agent, slot)
	var what := "An agent joined that is not declared."
	if declared > 0:
		what = "More agents of one policy joined than are declared."
	return _MarlProblem.new(
		"birth",
		what,
		agent.path,
		'at most %d agents of the policy "%s" that join later' % [declared, agent.policy],
		"one more",
		(
			"Give the arena's root a method get_possible_agents() that answers "
			+ '{"%s": {"max": ..., "observation_space": ..., "action_space": ...}}.' % agent.policy
		)
	)


func _assign(agent: _MarlAgent, index: int) -> _MarlProblem:
	var slot := slots[index]
	if agent.group_size != slot.group_size:
		return load(_GROUP_VALIDATOR).call("problem_of_slot", agent, slot)
	if agent.node.has_method("get_action_mask") != (slot.mask_size > 0):
		return _MarlProblem.new(
			"birth",
			"An agent joined whose action mask is declared differently.",
			agent.path,
			"get_action_mask() exactly if the declaration has action_mask: true",
			"get_action_mask()" if slot.mask_size == 0 else "no get_action_mask()",
			"Add action_mask: true in get_possible_agents(), or remove it."
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


func _declaration_problem(expected: String, got: Variant) -> _MarlProblem:
	return _MarlProblem.new(
		"space",
		"get_possible_agents() answered something that does not declare agents.",
		"%s.get_possible_agents()" % root.get_path(),
		expected,
		_MarlProblem.describe(got),
		'For example {"sheep": {"max": 3, "observation_space": ..., "action_space": ...}}.'
	)

class_name MarlArena
extends RefCounted
## One copy of the scene, whose agents share an episode.

## The node below which the agents are.
var root: Node
## The agents by slot; a slot whose agent takes no part in this episode holds null.
var agents: Array[MarlAgent] = []
## What [MarlDiscovery] found suspicious.
var warnings: Array[Dictionary] = []
## The space of get_state, or an empty Dictionary.
var state_space := {}
## True if something in the arena has set_options.
var takes_options := false

var _names: PackedStringArray = []
var _names_by_node := {}
var _templates: Array[MarlAgent] = []
var _state_plan: MarlPlan


func _init(arena_root: Node) -> void:
	root = arena_root


## Finds the agents and their spaces. [param configuration] is Python's configure message.
func discover(configuration: Dictionary) -> MarlProblem:
	var found := MarlDiscovery.new(root)
	warnings = found.warnings
	if found.problem:
		return found.problem
	agents = found.agents
	for agent in agents:
		var problem := agent.set_spaces(
			_given(configuration, "observation_spaces", agent.name),
			_given(configuration, "action_spaces", agent.name)
		)
		if problem:
			return problem
		_names.append(agent.name)
		_names_by_node[agent.node.get_instance_id()] = agent.name
		takes_options = takes_options or agent.node.has_method("set_options")
	_templates = agents.duplicate()
	takes_options = takes_options or root.has_method("set_options")
	return _discover_state()


## Begins an episode: the arena's root first, then the agents that are there after it.
func begin(episode_seed: int, options: Dictionary) -> MarlProblem:
	if root.has_method("reset_arena"):
		root.call("reset_arena")
	var problem := _look_up_agents()
	if problem:
		return problem
	problem = _pass_options(options)
	if problem:
		return problem
	for agent in agents:
		if agent:
			agent.begin(episode_seed)
	_flush_transforms()
	return null


## Hands out the actions of this arena, which begin at [param first] in [param actions].
func apply(actions: Array, first: int) -> void:
	for slot in agents.size():
		var agent := agents[slot]
		if agent and agent.live and actions[first + slot] != null and not agent.is_gone():
			agent.node.call("apply_action", actions[first + slot])


## Adds what all agents see; [param first] at the beginning of an episode.
func observe(reply: MarlReply, first: bool) -> MarlProblem:
	var infos := {}
	for slot in agents.size():
		var agent := agents[slot]
		var template := _templates[slot]
		if agent == null or not agent.live:
			reply.skip_slot(template.observation_plan, template.mask_size)
			continue
		if agent.is_gone():
			agent.live = false
			var flags := 0 if first else MarlReply.Flag.TERMINATED | MarlReply.Flag.LEFT
			reply.skip_slot(template.observation_plan, template.mask_size, flags)
			continue
		var problem := agent.observe_first(reply, infos) if first else agent.observe(reply, infos)
		if problem:
			return problem
	reply.infos.append(infos)
	return _observe_state(reply)


## Adds empty slots for an arena that has no part in a reply.
func skip(reply: MarlReply) -> void:
	for template in _templates:
		reply.skip_slot(template.observation_plan, template.mask_size)
	if _state_plan:
		reply.observations.skip(_state_plan)
	reply.infos.append({})


func _look_up_agents() -> MarlProblem:
	var found := MarlDiscovery.new(root, _names_by_node)
	if found.problem:
		return found.problem
	agents.fill(null)
	for agent in found.agents:
		var slot := _names.find(agent.name)
		if slot < 0:
			return MarlProblem.new(
				"agent_set",
				"After the reset there is an agent that was not there at the start.",
				agent.path,
				"one of %s" % ", ".join(_names),
				agent.name,
				"Let every agent be in the scene from the beginning."
			)
		agent.take_spaces(_templates[slot])
		agents[slot] = agent
		_names_by_node[agent.node.get_instance_id()] = agent.name
	return null


# A key is rejected when everybody who was asked rejects it: two kinds of agents may each know
# options of their own.
func _pass_options(options: Dictionary) -> MarlProblem:
	var asked: Array[Node] = []
	if root.has_method("set_options"):
		asked.append(root)
	for agent in agents:
		if agent and agent.node != root and agent.node.has_method("set_options"):
			asked.append(agent.node)
	var rejections := {}
	for node in asked:
		var rejected: Variant = node.call("set_options", options)
		if not (rejected is Array or rejected is PackedStringArray):
			return MarlProblem.new(
				"options",
				"set_options() must answer the keys that it rejects.",
				"%s.set_options()" % node.get_path(),
				"an Array of keys, empty if all are fine",
				MarlProblem.describe(rejected),
				"Return [] when every option is known."
			)
		for key: Variant in Array(rejected):
			rejections[key] = rejections.get(key, 0) + 1
	for key: Variant in rejections:
		if rejections[key] == asked.size():
			return MarlProblem.new(
				"options",
				"The scene rejects a reset option.",
				"%s.set_options()" % asked[0].get_path(),
				"an option that the scene knows",
				"%s" % key,
				"Leave it out of reset(options=...), or let set_options() accept it."
			)
	return null


# Physics sees a node's new place only once its transform is flushed, which Godot does at the end
# of the frame; ray casts and the first observation come sooner.
func _flush_transforms() -> void:
	for node in root.find_children("*", "CollisionObject3D", true, false):
		(node as Node3D).force_update_transform()
	for node in root.find_children("*", "CollisionObject2D", true, false):
		(node as Node2D).force_update_transform()


func _discover_state() -> MarlProblem:
	if not root.has_method("get_state"):
		return null
	var answer: Variant = {}
	if root.has_method("get_state_space"):
		answer = root.call("get_state_space")
	else:
		answer = MarlSpace.like(root.call("get_state"))
	var problem := "a Dictionary was expected"
	if answer is Dictionary:
		problem = MarlSpace.problem_of(answer as Dictionary)
	if problem:
		return MarlProblem.new(
			"space",
			"get_state_space() answered no space that crosses the wire.",
			"%s.get_state_space()" % root.get_path(),
			"a space",
			problem,
			"Build it with MarlSpace, for example MarlSpace.box([-1.0], [1.0])."
		)
	state_space = answer
	_state_plan = MarlPlan.of(state_space)
	return null


func _observe_state(reply: MarlReply) -> MarlProblem:
	if _state_plan == null:
		return null
	var problem := reply.observations.append(_state_plan, root.call("get_state"))
	if problem.is_empty():
		return null
	return MarlProblem.new(
		"state",
		"get_state() answered something that is not in its space.",
		"%s.get_state()" % root.get_path(),
		problem[0],
		problem[1],
		"Answer as many numbers as get_state_space() says, each a number."
	)


static func _given(configuration: Dictionary, member: String, agent: String) -> Dictionary:
	var by_agent: Dictionary = configuration.get(member, {})
	return by_agent.get(agent, by_agent.get("*", {}))

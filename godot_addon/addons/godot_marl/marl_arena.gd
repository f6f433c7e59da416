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
## Who plays some of the agents in place of Python.
var people := MarlPeople.new()

## True if its agents take turns.
var has_turns := false

## Makes the scene anew, and answers its new root; not valid where a reset is enough.
var rebuild := Callable()

var _changes: MarlChanges
var _presence: MarlPresence
var _state_plan: MarlPlan
var _has_infos := false
var _has_reset := false
var _bodies_3d: Array[Node] = []
var _bodies_2d: Array[Node] = []


## The agents below [param arena_root], who come and go as [param changes] tells.
func _init(arena_root: Node, changes: MarlChanges) -> void:
	root = arena_root
	_presence = MarlPresence.new(root, agents)
	_changes = changes
	changes.watch(_presence)


## Every slot's name, policy and spaces.
func get_slots() -> Array[MarlSlot]:
	return _presence.slots


## What must be the same in every arena: the slots' names and spaces.
func describe_slots() -> Array:
	return get_slots().map(
		func(slot: MarlSlot) -> Array:
			return [slot.name, slot.observation_space, slot.action_space, slot.mask_size]
	)


## Finds the agents and their spaces. [param configuration] is Python's configure message.
func discover(configuration: Dictionary) -> MarlProblem:
	var found := MarlDiscovery.new(root)
	warnings = found.warnings
	if found.problem and not _may_be_empty(found.problem):
		return found.problem
	var problem := _presence.declare(found.agents, configuration)
	if problem == null:
		problem = people.declare(configuration, found.agents, get_slots())
	if problem:
		return problem
	agents.resize(get_slots().size())
	takes_options = root.has_method("set_options")
	_has_reset = root.has_method("reset_arena")
	for agent in found.agents:
		takes_options = takes_options or agent.node.has_method("set_options")
		has_turns = has_turns or agent.node.has_method("is_turn")
		_has_infos = _has_infos or agent.has_info
	return _discover_state()


## Begins an episode: the arena's root first, then the agents that are there after it.
func begin(episode_seed: int, options: Dictionary) -> MarlProblem:
	if rebuild.is_valid():
		_changes.is_on = false
		root = rebuild.call()
		_changes.is_on = true
		_presence.root = root
		_presence.is_fresh = false
	var options_of_episode := MarlOptions.new(options)
	options_of_episode.pass_to(root)
	if _has_reset:
		root.call("reset_arena")
	var problem := _look_up_agents(episode_seed)
	if problem:
		return problem
	for agent in agents:
		if agent and agent.has_options and agent.node != root:
			options_of_episode.pass_to(agent.node)
	problem = options_of_episode.get_problem()
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


## True if an agent's episode goes on.
func is_alive() -> bool:
	for agent in agents:
		if agent and agent.live:
			return true
	return false


## True if no agent or state needs more than a list of float32 numbers, and a reward.
func is_plain() -> bool:
	if has_turns or _state_plan or not people.is_empty():
		return false
	if _has_infos:
		return false
	for slot in get_slots():
		if slot.mask_size > 0 or not slot.observation_plan.is_f32():
			return false
	return true


## Adds what all agents see; [param first] at the beginning of an episode.
func observe(reply: MarlReply, first: bool) -> MarlProblem:
	var problem := _presence.compare()
	if problem:
		return problem
	var infos := {}
	var living := 0
	var turns: Array[MarlAgent] = []
	for slot in agents.size():
		var agent := agents[slot]
		if agent == null or not agent.live or agent.is_gone():
			_skip_slot(reply, slot, first)
			continue
		var is_new := first or agent.has_joined
		problem = agent.observe_first(reply, infos) if is_new else agent.observe(reply, infos)
		if problem:
			return problem
		if agent.live:
			living += 1
			if has_turns and agent.is_turn():
				turns.append(agent)
				reply.flags[-1] |= MarlReply.Flag.TURN
	if has_turns and living > 0 and turns.size() != 1:
		return _turn_problem(turns)
	if not first:
		people.add_infos(infos)
	reply.infos.append(infos)
	return _observe_state(reply)


## True while agents that take turns live, and it is nobody's turn. Asks is_done once more.
func is_between_turns() -> bool:
	if not has_turns:
		return false
	var somebody_lives := false
	for agent in agents:
		if agent and agent.live and not agent.is_gone() and not agent.is_over():
			somebody_lives = true
			if agent.is_turn():
				return false
	return somebody_lives


## Adds empty slots for an arena that has no part in a reply.
func skip(reply: MarlReply) -> void:
	for slot in get_slots():
		reply.skip_slot(slot.observation_plan, slot.mask_size)
	if _state_plan:
		reply.observations.skip(_state_plan)
	reply.infos.append({})


func _skip_slot(reply: MarlReply, index: int, first: bool) -> void:
	var agent := agents[index]
	var flags := 0
	if agent and agent.live:
		agent.live = false
		flags = 0 if first else MarlReply.Flag.TERMINATED | MarlReply.Flag.LEFT
	var slot := get_slots()[index]
	reply.skip_slot(slot.observation_plan, slot.mask_size, flags)


# What reset_arena queues for deletion is still in the tree, so that only a search finds it out.
func _look_up_agents(episode_seed: int) -> MarlProblem:
	if _presence.is_fresh and not _has_reset:
		_presence.begin_again(episode_seed)
		return null
	_find_bodies()
	var found := MarlDiscovery.new(root, _presence.names_by_node())
	if found.problem and not _may_be_empty(found.problem):
		return found.problem
	agents.fill(null)
	return _presence.begin(found.agents, episode_seed)


# An arena that declares agents that come later may have none yet.
func _may_be_empty(problem: MarlProblem) -> bool:
	return problem.code == "no_agent" and root.has_method("get_possible_agents")


func _turn_problem(turns: Array[MarlAgent]) -> MarlProblem:
	var paths: PackedStringArray = []
	for agent in turns if turns else agents:
		if agent and agent.live:
			paths.append(agent.path)
	return MarlProblem.new(
		"turn",
		"It is the turn of several agents." if turns else "It is nobody's turn.",
		".is_turn(), ".join(paths) + ".is_turn()",
		"exactly one live agent that answers true" + ("" if turns else " within turn_timeout"),
		"true from %d of them" % turns.size(),
		"Let the scene's rules make it the turn of one agent until the episode is over."
	)


# Physics sees a node's new place only once its transform is flushed, which Godot does at the end
# of the frame; ray casts and the first observation come sooner.
func _flush_transforms() -> void:
	if not _presence.is_fresh:
		_find_bodies()
	for node in _bodies_3d:
		(node as Node3D).force_update_transform()
	for node in _bodies_2d:
		(node as Node2D).force_update_transform()


func _find_bodies() -> void:
	_bodies_3d = root.find_children("*", "CollisionObject3D", true, false)
	_bodies_2d = root.find_children("*", "CollisionObject2D", true, false)


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

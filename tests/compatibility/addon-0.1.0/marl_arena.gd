class_name MarlArena
extends RefCounted
## One copy of the scene, whose agents share an episode.

## The node below which the agents are.
var root: Node
## The agents by slot; a slot whose agent takes no part in this episode holds null.
var agents: Array[MarlAgent] = []
## What [MarlDiscovery] found suspicious.
var warnings: Array[Dictionary] = []
## What the root tells of the whole arena.
var state := MarlState.new()
## True if something in the arena has set_options.
var takes_options := false
## Who plays some of the agents in place of Python.
var people := MarlPeople.new()
## True if its agents take turns.
var has_turns := false
## True if agents ended at the last [method observe].
var has_endings := false
## Makes the scene anew, and answers its new root; not valid where a reset is enough.
var rebuild := Callable()

var _changes: MarlChanges
var _presence: MarlPresence
var _has_infos := false
var _has_reset := false
var _bodies := MarlBodies.new()


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
			return [
				slot.name,
				slot.observation_space,
				slot.action_space,
				slot.mask_size,
				slot.group_size,
			]
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
	return state.discover(root)


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
	if not _presence.is_fresh:
		_bodies.find(root)
	_bodies.flush_transforms()
	return null


## Hands out the actions of this arena, which begin at [param first] in [param actions].
func apply(actions: Array, first: int) -> void:
	var slot := 0
	while slot < agents.size():
		var agent := agents[slot]
		if agent and agent.live and actions[first + slot] != null and not agent.is_gone():
			agent.node.call("apply_action", actions[first + slot])
		slot += agent.span if agent else 1


## True if an agent's episode goes on.
func is_alive() -> bool:
	for agent in agents:
		if agent and agent.live:
			return true
	return false


## True if no agent needs more than a list of float32 numbers, and a reward.
func is_plain() -> bool:
	if has_turns or _has_infos or not people.is_empty():
		return false
	for slot in get_slots():
		if slot.group_size or slot.mask_size > 0 or not slot.observation_plan.is_f32():
			return false
		# Lists in lists that are as long as a plain list would be are not told from it quickly.
		var shape := Array(slot.observation_space["shape"])
		if shape.size() > 1 and int(shape[0] as float) == slot.observation_plan.size:
			return false
	return true


## Adds what all agents see; [param first] at the beginning of an episode.
func observe(reply: MarlReply, first: bool) -> MarlProblem:
	var problem := _presence.compare()
	if problem:
		return problem
	var infos := {}
	has_endings = false
	var living := 0
	var turns: Array[MarlAgent] = []
	var next := 0
	while next < agents.size():
		var slot := next
		var agent := agents[slot]
		next += agent.span if agent else 1
		if agent == null or not agent.live or agent.is_gone():
			has_endings = _skip_slot(reply, slot, first) or has_endings
			continue
		var is_new := first or agent.has_joined
		problem = agent.observe_first(reply, infos) if is_new else agent.observe(reply, infos)
		if problem:
			return problem
		has_endings = has_endings or not agent.live
		if agent.live:
			living += 1
			if has_turns and agent.is_turn():
				turns.append(agent)
				reply.flags[-1] |= MarlReply.Flag.TURN
	if has_turns and living > 0 and turns.size() != 1:
		return MarlTurns.problem_of(agents, turns)
	if not first:
		people.add_infos(infos)
	reply.infos.append(infos)
	return state.observe(root, reply)


## True while agents that take turns live, and it is nobody's turn. Asks is_done once more.
func is_between_turns() -> bool:
	return has_turns and MarlTurns.is_between(agents)


## Adds empty slots for an arena that has no part in a reply.
func skip(reply: MarlReply) -> void:
	for slot in get_slots():
		reply.skip_slot(slot.observation_plan, slot.mask_size)
	state.skip(reply)
	reply.infos.append({})


# True if its agent has just left.
func _skip_slot(reply: MarlReply, index: int, first: bool) -> bool:
	var agent := agents[index]
	if agent is MarlGroup:
		return (agent as MarlGroup).skip(reply, first)
	var flags := 0
	if agent and agent.live:
		agent.live = false
		flags = 0 if first else MarlReply.Flag.TERMINATED | MarlReply.Flag.LEFT
	var slot := get_slots()[index]
	reply.skip_slot(slot.observation_plan, slot.mask_size, flags)
	return flags != 0


# What reset_arena queues for deletion is still in the tree, so that only a search finds it out.
func _look_up_agents(episode_seed: int) -> MarlProblem:
	if _presence.is_fresh and not _has_reset and not agents.any(_is_gone):
		_presence.begin_again(episode_seed)
		return null
	_bodies.find(root)
	var found := MarlDiscovery.new(root, _presence.names_by_node())
	if found.problem and not _may_be_empty(found.problem):
		return found.problem
	agents.fill(null)
	return _presence.begin(found.agents, episode_seed)


static func _is_gone(agent: MarlAgent) -> bool:
	return agent != null and agent.is_gone()


# An arena that declares agents that come later may have none yet.
func _may_be_empty(problem: MarlProblem) -> bool:
	return problem.code == "no_agent" and root.has_method("get_possible_agents")

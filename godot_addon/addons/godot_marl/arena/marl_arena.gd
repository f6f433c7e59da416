extends RefCounted
## One copy of the scene, whose agents share an episode.

const _MarlAgent := preload("res://addons/godot_marl/agents/marl_agent.gd")
const _MarlAgentDiscovery := preload("res://addons/godot_marl/arena/marl_agent_discovery.gd")
const _MarlAgentRoster := preload("res://addons/godot_marl/arena/marl_agent_roster.gd")
const _MarlAgentSlot := preload("res://addons/godot_marl/agents/marl_agent_slot.gd")
const _MarlArenaState := preload("res://addons/godot_marl/arena/marl_arena_state.gd")
const _MarlHumanControl := preload("res://addons/godot_marl/agents/marl_human_control.gd")
const _MarlPhysicsFlush := preload("res://addons/godot_marl/arena/marl_physics_flush.gd")
const _MarlProblem := preload("res://addons/godot_marl/protocol/marl_problem.gd")
const _MarlReply := preload("res://addons/godot_marl/protocol/marl_reply.gd")
const _MarlResetOptions := preload("res://addons/godot_marl/arena/marl_reset_options.gd")
const _MarlTreeWatcher := preload("res://addons/godot_marl/arena/marl_tree_watcher.gd")
const _MarlTurnOrder := preload("res://addons/godot_marl/arena/marl_turn_order.gd")

# Loaded when people play: most games start without.
const _HUMAN_PLAYERS := "res://addons/godot_marl/agents/marl_human_players.gd"

## The node below which the agents are.
var root: Node
## The agents by slot; null in a slot whose agent takes no part in this episode.
var agents: Array[_MarlAgent] = []
## The warnings of _MarlAgentDiscovery.
var warnings: Array[Dictionary] = []
## The state that the root returns.
var state := _MarlArenaState.new()
## True if something in the arena has set_options.
var takes_options := false
## The agents that people play.
var human_control := _MarlHumanControl.new()
## True if its agents take turns.
var has_turns := false
## True if agents ended at the last [method observe].
var has_endings := false
## Makes a new instance of the scene and returns its root; not valid without exact_reset.
var rebuild := Callable()

var _watcher: _MarlTreeWatcher
var _roster: _MarlAgentRoster
var _has_infos := false
var _has_reset := false
var _physics := _MarlPhysicsFlush.new()


## The arena below [param arena_root]; [param watcher] notices agents that join and leave.
func _init(arena_root: Node, watcher: _MarlTreeWatcher) -> void:
	root = arena_root
	_roster = _MarlAgentRoster.new(root, agents)
	_watcher = watcher
	watcher.watch(_roster)


## Every slot's name, policy and spaces.
func get_slots() -> Array[_MarlAgentSlot]:
	return _roster.slots


## What must be the same in every arena: the slots' names and spaces.
func describe_slots() -> Array:
	return get_slots().map(
		func(slot: _MarlAgentSlot) -> Array:
			return [
				slot.name,
				slot.observation_space,
				slot.action_space,
				slot.mask_size,
				slot.group_size,
			]
	)


## Finds the agents and their spaces. [param configuration] is Python's configure message.
func discover(configuration: Dictionary) -> _MarlProblem:
	var found := _MarlAgentDiscovery.new(root)
	warnings = found.warnings
	if found.problem and not _may_be_empty(found.problem):
		return found.problem
	var problem := _roster.declare(found.agents, configuration)
	if problem == null:
		problem = _declare_human_agents(configuration, found.agents)
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


## Begins an episode: resets the root first, then the agents that exist after that.
func begin(episode_seed: int, options: Dictionary) -> _MarlProblem:
	if rebuild.is_valid():
		_watcher.is_on = false
		root = rebuild.call()
		_watcher.is_on = true
		_roster.root = root
		_roster.is_fresh = false
	var options_of_episode := _MarlResetOptions.new(options)
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
	if not _roster.is_fresh:
		_physics.find(root)
	_physics.flush_transforms()
	return null


## Applies the actions of this arena, which begin at [param first] in [param actions].
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


## True if the reply holds no more of each agent than float32 numbers, a reward and its end.
func is_fast_path_eligible() -> bool:
	if has_turns or _has_infos or not human_control.is_empty():
		return false
	for slot in get_slots():
		if slot.group_size or slot.mask_size > 0 or not slot.observation_layout.is_flat_f32:
			return false
	return true


## Adds what all agents observe; [param first] at the beginning of an episode.
func observe(reply: _MarlReply, first: bool) -> _MarlProblem:
	var problem := _roster.compare()
	if problem:
		return problem
	var infos := {}
	has_endings = false
	var living := 0
	var turns: Array[_MarlAgent] = []
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
				reply.flags[-1] |= _MarlReply._Flag.TURN
	if has_turns and living > 0 and turns.size() != 1:
		return _MarlTurnOrder.problem_of(agents, turns)
	if not first:
		human_control.add_infos(infos)
	reply.infos.append(infos)
	return state.observe(root, reply)


## True while agents take turns, some live, and none has the turn. Calls is_done once more.
func is_between_turns() -> bool:
	return has_turns and _MarlTurnOrder.is_between(agents)


## Adds empty slots for an arena that has no part in a reply.
func skip(reply: _MarlReply) -> void:
	for slot in get_slots():
		reply.skip_slot(slot.observation_layout, slot.mask_size)
	state.skip(reply)
	reply.infos.append({})


func _declare_human_agents(configuration: Dictionary, found: Array[_MarlAgent]) -> _MarlProblem:
	if (configuration.get("human_agents", []) as Array).is_empty():
		return null
	human_control = (load(_HUMAN_PLAYERS) as GDScript).new()
	return human_control.declare(configuration, found, get_slots())


# True if the slot's agent has just left.
func _skip_slot(reply: _MarlReply, index: int, first: bool) -> bool:
	var agent := agents[index]
	if agent:
		return agent.skip(reply, first)
	var slot := get_slots()[index]
	reply.skip_slot(slot.observation_layout, slot.mask_size)
	return false


# Nodes that reset_arena queued for deletion are still in the tree: only a search excludes them.
func _look_up_agents(episode_seed: int) -> _MarlProblem:
	if _roster.is_fresh and not _has_reset and not agents.any(_is_gone):
		_roster.begin_again(episode_seed)
		return null
	_physics.find(root)
	var found := _MarlAgentDiscovery.new(root, _roster.names_by_node())
	if found.problem and not _may_be_empty(found.problem):
		return found.problem
	agents.fill(null)
	return _roster.begin(found.agents, episode_seed)


static func _is_gone(agent: _MarlAgent) -> bool:
	return agent != null and agent.is_gone()


# An arena may begin without agents if it declares agents that join later.
func _may_be_empty(problem: _MarlProblem) -> bool:
	return problem.code == "no_agent" and root.has_method("get_possible_agents")

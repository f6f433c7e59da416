class_name MarlRequests
extends RefCounted
## Carries out Python's requests on the arenas, and gathers the answers. Knows no socket.

## The arenas, in the order of the messages.
var arenas: Array[MarlArena] = []
## How many physics frames a step has.
var step_length := 1
## The bytes that a message of Python may have after the configuration, clause 1.7.
var longest_message := 0
## How many physics frames may pass until it is somebody's turn.
var turn_frames := 0

var _layout: MarlLayout
var _reply := MarlReply.new()
var _changes: MarlChanges
var _autoreset: MarlAutoreset
# Null where some agent is not plain.
var _quick_loop: MarlQuickLoop


## Takes Python's configure message, makes the arenas of the scene of [param bridge], and finds the
## agents.
func configure(configuration: Dictionary, bridge: MarlBridge) -> MarlProblem:
	_changes = MarlChanges.new(bridge.get_tree())
	var copies := MarlCopies.new(bridge, configuration)
	if copies.problem:
		return copies.problem
	for i in copies.roots.size():
		var arena := MarlArena.new(copies.roots[i], _changes)
		if copies.is_exact:
			arena.rebuild = copies.make_again.bind(i)
		arenas.append(arena)
	_autoreset = MarlAutoreset.new(arenas)
	_autoreset.settle_frames = bridge.settle_frames
	if configuration.get("step_length") != null:
		step_length = int(configuration["step_length"] as float)
	if configuration.get("physics_fps") != null:
		Engine.physics_ticks_per_second = int(configuration["physics_fps"] as float)
	var turn_seconds: float = configuration.get("turn_timeout", 10.0)
	turn_frames = int(turn_seconds * Engine.physics_ticks_per_second)
	for arena in arenas:
		var problem := arena.discover(configuration)
		if problem:
			return problem
		if arena.describe_slots() != arenas[0].describe_slots():
			return MarlProblem.new(
				"agent_set",
				"Two copies of the scene have different agents.",
				str(arena.root.get_path()),
				str(arenas[0].describe_slots()),
				str(arena.describe_slots()),
				"Let each copy make the same agents, whatever else is in the tree."
			)
	var plans: Array[MarlPlan] = []
	for agent in arenas[0].get_slots():
		# Without an action space Python says which agent lacks one; nothing is stepped then.
		var known := not agent.action_space.is_empty()
		var space := agent.action_space if known else MarlSpace.discrete(1)
		plans.append(MarlGroupPlan.of_slot(space, agent.group_size))
	_layout = MarlLayout.new(arenas.size(), plans)
	longest_message = _layout.get_longest_step() + MarlControl.LONGEST_TEXT
	if MarlQuickLoop.can_ask(arenas):
		_quick_loop = MarlQuickLoop.new(arenas, _changes.any)
	return null


## The members of the scene message, clause 2.3.
func describe_scene() -> Dictionary:
	var agents := []
	for agent in arenas[0].get_slots():
		(
			agents
			. append(
				{
					"name": agent.name,
					"path": agent.path,
					"policy": agent.policy,
					"observation_space": agent.observation_space,
					"action_space": agent.action_space if agent.action_space else null,
					"action_mask": agent.mask_size,
				}
			)
		)
	return {
		"step_length": step_length,
		"physics_fps": Engine.physics_ticks_per_second,
		"arenas": arenas.size(),
		"agents": agents,
		"state_space": arenas[0].state.space if arenas[0].state.exists() else null,
		"turns": arenas[0].has_turns,
		"takes_options": arenas[0].takes_options,
		"settle_frames": _autoreset.settle_frames,
		"warnings": arenas[0].warnings,
	}


## Resets the arenas of a reset message. The observations follow with [method answer_reset].
func reset(message: Dictionary) -> MarlProblem:
	for entry: Variant in message.get("arenas", []):
		var index := _arena_index(entry)
		if index < 0:
			return MarlProblem.new(
				"protocol",
				"A reset names no arena of this game.",
				"reset",
				"an arena",
				str(entry),
				""
			)
		var wish: Dictionary = entry
		var episode_seed := str(wish.get("seed")).to_int()
		var options: Dictionary = wish.get("options", {})
		_autoreset.remember(index, options)
		# The global generator belongs to everyone, so only a single arena may set it.
		if arenas.size() == 1:
			seed(episode_seed)
		var problem := arenas[index].begin(episode_seed, options)
		if problem:
			return problem
	return null


## Answers a reset: the problem, or null and the reply in [param into].
func answer_reset(message: Dictionary, frames: int, into: Array[PackedByteArray]) -> MarlProblem:
	var fresh := {}
	for entry: Variant in message.get("arenas", []):
		fresh[_arena_index(entry)] = true
	_reply.clear()
	for i in arenas.size():
		if not fresh.has(i):
			arenas[i].skip(_reply)
			continue
		var problem := arenas[i].observe(_reply, true)
		if problem:
			return problem
	into.append(_reply.encode(int(message["request"] as float), frames))
	return null


## Takes a step request. Answers what is wrong with it, or an empty text.
func begin_step(message: PackedByteArray) -> String:
	if _layout == null:
		return "a step came before the configuration"
	var problem := _layout.problem_of_step(message)
	if problem.is_empty():
		_layout.read_step(message)
		_autoreset.begin_step(_layout.read_orders(message), _layout.read_seeds(message))
		if _quick_loop == null:
			for arena in arenas:
				arena.people.begin_step()
	return problem


## True if people play some of the agents.
func has_people() -> bool:
	return arenas.any(func(arena: MarlArena) -> bool: return not arena.people.is_empty())


## Lets the people who play agents say what they do in this frame: the problem, or null.
func ask_people() -> MarlProblem:
	var first := 0
	for arena in arenas:
		var problem := arena.people.ask(arena.agents, _layout.get_actions(), first)
		if problem:
			return problem
		first += arena.agents.size()
	return null


## The arena that a message names, or the first.
func arena_of(message: Dictionary) -> MarlArena:
	return arenas[maxi(0, _arena_index(message))]


## True if somebody who was asked has not decided yet.
func is_undecided() -> bool:
	return arenas.any(func(arena: MarlArena) -> bool: return arena.people.is_undecided)


## Hands the step's actions to the agents, once in each physics frame.
func apply_actions() -> void:
	if _may_be_quick():
		_quick_loop.apply(_layout.get_actions_unless_numbers(), _layout.numbers, _layout.marks)
		return
	var actions := _layout.get_actions()
	var first := 0
	for arena in arenas:
		arena.apply(actions, first)
		first += arena.agents.size()


## True while an arena whose agents take turns waits for its rules to name the next.
func is_between_turns() -> bool:
	for arena in arenas:
		if arena.is_between_turns():
			return true
	return false


## Begins a frame of a step, of which [param frames_left] are left with it: the problem, or null.
func begin_frame(frames_left: int) -> MarlProblem:
	return _autoreset.begin_due(frames_left)


## Answers a step: the problem, or null and the reply in [param into].
func answer_step(request: int, frames: int, into: Array[PackedByteArray]) -> MarlProblem:
	_reply.clear()
	var problem: MarlProblem
	var candidates: PackedInt32Array = []
	if _may_be_quick():
		problem = _quick_loop.observe(_reply)
		candidates = _quick_loop.ended
	else:
		problem = _observe(candidates)
	if problem == null:
		problem = _autoreset.finish(_reply, candidates, request, frames, into)
	return problem


func _may_be_quick() -> bool:
	return (
		_quick_loop != null
		and _changes.any[0] == 0
		and not _autoreset.is_settling()
		and _quick_loop.prepare(_autoreset.take_begun())
	)


# Puts the arenas in which agents ended into [param ended].
func _observe(ended: PackedInt32Array) -> MarlProblem:
	_changes.any[0] = 0
	for i in arenas.size():
		var problem := arenas[i].observe(_reply, _autoreset.is_first_of(i))
		if problem:
			return problem
		if arenas[i].has_endings:
			ended.append(i)
	if _quick_loop:
		_quick_loop.forget()
	return null


func _arena_index(entry: Variant) -> int:
	if not entry is Dictionary:
		return -1
	var index: Variant = (entry as Dictionary).get("arena")
	if not (index is float or index is int) or index < 0 or index >= arenas.size():
		return -1
	return int(index as float)

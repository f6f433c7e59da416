extends RefCounted
## Carries out Python's requests on the arenas and collects the replies. Knows no connection.

const _MarlArena := preload("res://addons/godot_marl/arena/marl_arena.gd")
const _MarlArenaFactory := preload("res://addons/godot_marl/arena/marl_arena_factory.gd")
const _MarlAutoreset := preload("res://addons/godot_marl/session/marl_autoreset.gd")
const _MarlControlMessages := preload("res://addons/godot_marl/protocol/marl_control_messages.gd")
const _MarlFastPath := preload("res://addons/godot_marl/session/marl_fast_path.gd")
const _MarlGroupLayout := preload("res://addons/godot_marl/protocol/marl_group_layout.gd")
const _MarlProblem := preload("res://addons/godot_marl/protocol/marl_problem.gd")
const _MarlReply := preload("res://addons/godot_marl/protocol/marl_reply.gd")
const _MarlSpaceLayout := preload("res://addons/godot_marl/protocol/marl_space_layout.gd")
const _MarlStepLayout := preload("res://addons/godot_marl/protocol/marl_step_layout.gd")
const _MarlTreeWatcher := preload("res://addons/godot_marl/arena/marl_tree_watcher.gd")

## The arenas, in the order of the messages.
var arenas: Array[_MarlArena] = []
## How many physics frames a step lasts.
var step_length := 1
## How many physics frames pass between a reset and the first observation.
var settle_frames := 0
## How many bytes a message of Python may have after the handshake, clause 1.7.
var longest_message := 0
## How many physics frames may pass until an agent has the turn.
var turn_frames := 0

var _layout: _MarlStepLayout
var _reply := _MarlReply.new()
var _tree_watcher: _MarlTreeWatcher
var _autoreset: _MarlAutoreset
# Null if an agent is not eligible for the fast path.
var _fast_path: _MarlFastPath


## Applies Python's configure message: makes the arenas of the scene with [param arena_root], and
## finds the agents. See _MarlArenaFactory for [param host].
func configure(configuration: Dictionary, host: Node, arena_root: Node) -> _MarlProblem:
	_tree_watcher = _MarlTreeWatcher.new(host.get_tree())
	var factory := _MarlArenaFactory.new(host, arena_root, configuration)
	if factory.problem:
		return factory.problem
	for i in factory.roots.size():
		var arena := _MarlArena.new(factory.roots[i], _tree_watcher)
		if factory.is_exact:
			arena.rebuild = factory.make_again.bind(i)
		arenas.append(arena)
	_autoreset = _MarlAutoreset.new(arenas)
	_autoreset.settle_frames = settle_frames
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
			return _MarlProblem.new(
				"agent_set",
				"Two arenas have different agents.",
				str(arena.root.get_path()),
				str(arenas[0].describe_slots()),
				str(arena.describe_slots()),
				"Make the same agents in each arena, whatever else is in the tree."
			)
	var layouts: Array[_MarlSpaceLayout] = []
	for slot in arenas[0].get_slots():
		# Where an agent has no action space, Python raises an error and sends no step.
		var one := slot.action_layout if slot.action_layout else _MarlSpaceLayout.new()
		layouts.append(_MarlGroupLayout.of_slot(one, slot.group_size))
	_layout = _MarlStepLayout.new(arenas.size(), layouts)
	longest_message = _layout.get_longest_step() + _MarlControlMessages.LONGEST_TEXT
	if _MarlFastPath.are_eligible(arenas):
		_fast_path = _MarlFastPath.new(arenas, _tree_watcher.any)
	return null


## The members of the scene message, clause 2.3.
func describe_scene() -> Dictionary:
	var agents := []
	for slot in arenas[0].get_slots():
		agents.append(slot.to_dictionary())
	return {
		"step_length": step_length,
		"physics_fps": Engine.physics_ticks_per_second,
		"arenas": arenas.size(),
		"agents": agents,
		"state_space": arenas[0].state.space if arenas[0].state.exists() else null,
		"turns": arenas[0].has_turns,
		"takes_options": arenas[0].takes_options,
		"settle_frames": settle_frames,
		"warnings": arenas[0].warnings,
	}


## Resets the arenas of a reset message. [method answer_reset] then replies to it.
func reset(message: Dictionary) -> _MarlProblem:
	for entry: Variant in message.get("arenas", []):
		var index := _find_arena_index(entry)
		if index < 0:
			return _MarlProblem.new(
				"protocol",
				"A reset names an arena that this game does not have.",
				"reset",
				"the index of an arena",
				str(entry),
				""
			)
		var entry_members: Dictionary = entry
		var episode_seed := str(entry_members.get("seed")).to_int()
		var options: Dictionary = entry_members.get("options", {})
		_autoreset.remember(index, options)
		# All arenas share the global generator, so it is seeded for a single arena only.
		if arenas.size() == 1:
			seed(episode_seed)
		var problem := arenas[index].begin(episode_seed, options)
		if problem:
			return problem
	return null


## Replies to a reset: returns the problem, or null and the reply in [param into].
func answer_reset(message: Dictionary, frames: int, into: Array[PackedByteArray]) -> _MarlProblem:
	var was_reset := {}
	for entry: Variant in message.get("arenas", []):
		was_reset[_find_arena_index(entry)] = true
	_reply.clear()
	for i in arenas.size():
		if not was_reset.has(i):
			arenas[i].skip(_reply)
			continue
		var problem := arenas[i].observe(_reply, true)
		if problem:
			return problem
	into.append(_reply.encode(int(message["request"] as float), frames))
	return null


## Begins a step. Returns what is wrong with the request, or an empty text.
func begin_step(message: PackedByteArray) -> String:
	if _layout == null:
		return "a step came before the configuration"
	var problem := _layout.problem_of_step(message)
	if problem.is_empty():
		_layout.read_step(message)
		_autoreset.begin_step(_layout.read_reset_orders(message), _layout.read_seeds(message))
		if _fast_path == null:
			for arena in arenas:
				arena.human_control.begin_step()
	return problem


## True if people play some of the agents.
func has_human_agents() -> bool:
	return arenas.any(func(arena: _MarlArena) -> bool: return not arena.human_control.is_empty())


## Asks the agents that people play for this frame's actions: returns the problem, or null.
func request_human_actions() -> _MarlProblem:
	var first := 0
	for arena in arenas:
		var problem := arena.human_control.ask(arena.agents, _layout.get_actions(), first)
		if problem:
			return problem
		first += arena.agents.size()
	return null


## The arena that a message names; the first one without a name.
func find_arena(message: Dictionary) -> _MarlArena:
	return arenas[maxi(0, _find_arena_index(message))]


## True if a person has not decided yet.
func awaits_human_action() -> bool:
	return arenas.any(func(arena: _MarlArena) -> bool: return arena.human_control.awaits_action)


## Applies the step's actions, once in each physics frame.
func apply_actions() -> void:
	if _can_use_fast_path():
		_fast_path.apply(
			_layout.get_actions_unless_numbers(), _layout.numbers, _layout.action_present
		)
		return
	var actions := _layout.get_actions()
	var first := 0
	for arena in arenas:
		arena.apply(actions, first)
		first += arena.agents.size()


## True while agents of an arena take turns and none of them has the turn.
func is_between_turns() -> bool:
	for arena in arenas:
		if arena.is_between_turns():
			return true
	return false


## Begins a frame of a step, of which [param frames_left] are left: returns the problem, or null.
func begin_frame(frames_left: int) -> _MarlProblem:
	return _autoreset.begin_due(frames_left)


## Replies to a step: returns the problem, or null and the reply in [param into].
func answer_step(request: int, frames: int, into: Array[PackedByteArray]) -> _MarlProblem:
	_reply.clear()
	var problem: _MarlProblem
	var candidates: PackedInt32Array = []
	if _can_use_fast_path():
		problem = _fast_path.observe(_reply)
		candidates = _fast_path.ended
	else:
		problem = _observe(candidates)
	if problem == null:
		problem = _autoreset.finish(_reply, candidates, request, frames, into)
	return problem


func _can_use_fast_path() -> bool:
	return (
		_fast_path != null
		and _tree_watcher.any[0] == 0
		and not _autoreset.is_settling()
		and _fast_path.prepare(_autoreset.consume_begun())
	)


# Adds the arenas in which agents ended to [param ended].
func _observe(ended: PackedInt32Array) -> _MarlProblem:
	_tree_watcher.any[0] = 0
	for i in arenas.size():
		var problem := arenas[i].observe(_reply, _autoreset.is_first_of(i))
		if problem:
			return problem
		if arenas[i].has_endings:
			ended.append(i)
	if _fast_path:
		_fast_path.invalidate()
	return null


func _find_arena_index(entry: Variant) -> int:
	if not entry is Dictionary:
		return -1
	var index: Variant = (entry as Dictionary).get("arena")
	if not (index is float or index is int) or index < 0 or index >= arenas.size():
		return -1
	return int(index as float)

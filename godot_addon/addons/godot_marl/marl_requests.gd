class_name MarlRequests
extends RefCounted
## Carries out Python's requests on the arenas, and gathers the answers. Knows no socket.

## The arenas, in the order of the messages.
var arenas: Array[MarlArena] = []
## How many physics frames a step has.
var step_length := 1
## How many physics frames may pass until it is somebody's turn.
var turn_frames := 0

var _layout: MarlLayout
var _reply := MarlReply.new()
var _actions: Array = []


## Takes Python's configure message and finds the agents. [member arenas] must be set.
func configure(configuration: Dictionary) -> MarlProblem:
	var wanted := int(configuration.get("arenas", 1) as float)
	if wanted != arenas.size():
		return _problem(
			"configure",
			"This game cannot make that many arenas.",
			"arenas",
			str(arenas.size()),
			str(wanted)
		)
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
		plans.append(MarlPlan.of(agent.action_space if known else MarlSpace.discrete(1)))
	_layout = MarlLayout.new(arenas.size(), plans)
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
		"state_space": arenas[0].state_space if arenas[0].state_space else null,
		"turns": arenas[0].has_turns,
		"takes_options": arenas[0].takes_options,
		"warnings": arenas[0].warnings,
	}


## Resets the arenas of a reset message. The observations follow with [method answer_reset].
func reset(message: Dictionary) -> MarlProblem:
	for entry: Variant in message.get("arenas", []):
		var index := _arena_index(entry)
		if index < 0:
			return _problem(
				"protocol", "A reset names no arena of this game.", "reset", "an arena", str(entry)
			)
		var wish: Dictionary = entry
		var episode_seed := str(wish.get("seed")).to_int()
		# The global generator belongs to everyone, so only a single arena may set it.
		if arenas.size() == 1:
			seed(episode_seed)
		var problem := arenas[index].begin(episode_seed, wish.get("options", {}) as Dictionary)
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
		_actions = _layout.read_step(message)
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
		var problem := arena.people.ask(arena.agents, _actions, first)
		if problem:
			return problem
		first += arena.agents.size()
	return null


## True if somebody who was asked has not decided yet.
func is_undecided() -> bool:
	return arenas.any(func(arena: MarlArena) -> bool: return arena.people.is_undecided)


## Hands the step's actions to the agents, once in each physics frame.
func apply_actions() -> void:
	var first := 0
	for arena in arenas:
		arena.apply(_actions, first)
		first += arena.agents.size()


## True while an arena whose agents take turns waits for its rules to name the next.
func is_between_turns() -> bool:
	for arena in arenas:
		if arena.is_between_turns():
			return true
	return false


## Answers a step: the problem, or null and the reply in [param into].
func answer_step(request: int, frames: int, into: Array[PackedByteArray]) -> MarlProblem:
	_reply.clear()
	for arena in arenas:
		var problem := arena.observe(_reply, false)
		if problem:
			return problem
	into.append(_reply.encode(request, frames))
	return null


## Renders the game: the problem, or null and the frame in [param into].
func answer_render(message: Dictionary, into: Array[PackedByteArray]) -> MarlProblem:
	var viewport := arenas[0].root.get_viewport()
	if DisplayServer.get_name() == "headless":
		return _problem(
			"render",
			"A headless game has no picture.",
			"render",
			"a game started with a display",
			"--headless",
			"Make the environment with render_mode='rgb_array'."
		)
	# The engine would flush them only at the end of the frame, so that a picture right after a reset
	# showed the old places.
	for node in arenas[0].root.find_children("*", "Node3D", true, false):
		(node as Node3D).force_update_transform()
	for node in arenas[0].root.find_children("*", "CanvasItem", true, false):
		(node as CanvasItem).force_update_transform()
	RenderingServer.force_draw(false)
	var image := viewport.get_texture().get_image()
	if image == null or image.is_empty():
		return _problem("render", "The engine gave no picture.", "render", "a picture", "nothing")
	if message.get("size") is Array:
		var size: Array = message["size"]
		image.resize(int(size[0] as float), int(size[1] as float), Image.INTERPOLATE_LANCZOS)
	image.convert(Image.FORMAT_RGB8)
	into.append(MarlReply.encode_frame(int(message["request"] as float), image))
	return null


func _arena_index(entry: Variant) -> int:
	if not entry is Dictionary:
		return -1
	var index: Variant = (entry as Dictionary).get("arena")
	if not (index is float or index is int) or index < 0 or index >= arenas.size():
		return -1
	return int(index as float)


static func _problem(
	code: String, what: String, where: String, expected: String, got: String, remedy: String = ""
) -> MarlProblem:
	return MarlProblem.new(code, what, where, expected, got, remedy)

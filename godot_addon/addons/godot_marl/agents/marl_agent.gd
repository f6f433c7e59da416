extends RefCounted
## One agent of an arena: its node, its optional methods, and the calls of its methods.

const _MarlAgent := preload("res://addons/godot_marl/agents/marl_agent.gd")
const _MarlAgentSlot := preload("res://addons/godot_marl/agents/marl_agent_slot.gd")
const _MarlInfoValidator := preload("res://addons/godot_marl/protocol/marl_info_validator.gd")
const _MarlProblem := preload("res://addons/godot_marl/protocol/marl_problem.gd")
const _MarlReply := preload("res://addons/godot_marl/protocol/marl_reply.gd")

# Loaded when a scene has one: most games start without.
const _AGENT_GROUP := "res://addons/godot_marl/agents/marl_agent_group.gd"

## The method that makes a node one of several agents.
const COUNT := "get_agent_count"
## The methods that make a node an agent.
const REQUIRED: PackedStringArray = [
	"apply_action", "get_observation", "get_reward", "reset", "is_done"
]

## The node with the agent interface.
var node: Node
## The agent's name in PettingZoo.
var name := ""
## The names of all agents of the node; only a _MarlAgentGroup has more than one.
var names: PackedStringArray = []
## How many agents the node has, and thus slots.
var span := 1
## The same for a _MarlAgentGroup; 0 for a node of one agent.
var group_size := 0
## Why the node cannot be an agent, or null.
var fault: _MarlProblem
## Its slot in the messages, with its spaces; null until one is assigned.
var slot: _MarlAgentSlot
## The policy that it shares; empty if [member policy_answer] is not a name.
var policy := "default"
## What get_policy_name returned.
var policy_answer: Variant
## Where it is in the scene tree.
var path := ""
## True while its episode goes on.
var live := false
## True once it left the arena.
var has_left := false
## True from when it joined during an episode until its first observation.
var has_joined := false

## True if it has these optional methods.
var has_options := false
var has_truncated := false
var has_info := false

var _has_seed := false


func _init(agent_node: Node) -> void:
	node = agent_node
	path = str(node.get_path())
	has_options = node.has_method("set_options")
	has_truncated = node.has_method("is_truncated")
	has_info = node.has_method("get_info")
	_has_seed = node.has_method("set_seed")
	if node.has_method("get_policy_name"):
		policy_answer = node.call("get_policy_name")
		policy = text_of(policy_answer)


## The agent or group of [param agent_node].
static func of_node(agent_node: Node) -> _MarlAgent:
	if agent_node.has_method(COUNT):
		return (load(_AGENT_GROUP) as GDScript).new(agent_node)
	return _MarlAgent.new(agent_node)


## The required methods that [param candidate] has.
static func methods_of(candidate: Node) -> PackedStringArray:
	var found: PackedStringArray = []
	for method in REQUIRED:
		if candidate.has_method(method):
			found.append(method)
	return found


## [param answer] as a name; empty if it is not a name.
static func text_of(answer: Variant) -> String:
	return str(answer) if answer is String or answer is StringName else ""


## The names of all agents of the node; [param first] is the first.
func names_from(first: String) -> PackedStringArray:
	return [first]


## Adds its slots to [param into]: returns the problem, or null.
func make_slots(into: Array[_MarlAgentSlot], configuration: Dictionary) -> _MarlProblem:
	var own := _MarlAgentSlot.new(name, policy, path)
	into.append(own)
	return own.ask(node, configuration)


## Begins an episode.
func begin(episode_seed: int) -> void:
	if _has_seed:
		node.call("set_seed", seed_of(episode_seed, name))
	node.call("reset")
	live = true


## Joins an episode. It stays as the scene made it: it is not reset.
func join(episode_seed: int) -> void:
	if _has_seed:
		node.call("set_seed", seed_of(episode_seed, name))
	live = true
	has_joined = true


## Adds the first observation in an episode.
func observe_first(reply: _MarlReply, infos: Dictionary) -> _MarlProblem:
	reply.rewards.append(0.0)
	var flags := _MarlReply._Flag.OBSERVED as int
	reply.flags.append(flags | _MarlReply._Flag.JOINED if has_joined else flags)
	has_joined = false
	var problem := _observe(reply)
	return problem if problem else _add_mask_and_info(reply, infos)


## Adds the observation, the reward and the flags.
func observe(reply: _MarlReply, infos: Dictionary) -> _MarlProblem:
	var problem := _observe(reply)
	if problem:
		return problem
	var reward: Variant = node.call("get_reward")
	if not (reward is float or reward is int):
		return problem_of("reward", "get_reward", "a float", reward)
	reply.rewards.append(reward as float)
	var flags := _MarlReply._Flag.OBSERVED as int
	var ended: Variant = node.call("is_done")
	if not ended is bool:
		return problem_of("end", "is_done", "a bool", ended)
	if ended:
		flags |= _MarlReply._Flag.TERMINATED
	if has_truncated:
		ended = node.call("is_truncated")
		if not ended is bool:
			return problem_of("end", "is_truncated", "a bool", ended)
		if ended:
			flags |= _MarlReply._Flag.TRUNCATED
	reply.flags.append(flags)
	live = flags == _MarlReply._Flag.OBSERVED
	return _add_mask_and_info(reply, infos)


## Adds zeros for it. If it lived and [param first] is false, it has left: its flags say so, and
## this returns true.
func skip(reply: _MarlReply, first: bool) -> bool:
	var flags := 0
	if live and not first:
		flags = _MarlReply._Flag.TERMINATED | _MarlReply._Flag.LEFT
	live = false
	reply.skip_slot(slot.observation_layout, slot.mask_size, flags)
	return flags != 0


## True if the node is no longer in the scene.
func is_gone() -> bool:
	return (
		has_left
		or not is_instance_valid(node)
		or node.is_queued_for_deletion()
		or not node.is_inside_tree()
	)


## True if the reply holds no more of it than its observation, its reward and its end.
func is_fast_path_eligible() -> bool:
	return not (has_info or has_joined or is_gone())


## True if the agent has the turn.
func is_turn() -> bool:
	return node.has_method("is_turn") and is_same(node.call("is_turn"), true)


## True if the agent's episode ended with the last frame.
func is_over() -> bool:
	return (
		is_same(node.call("is_done"), true)
		or (has_truncated and is_same(node.call("is_truncated"), true))
	)


## The seed of one agent: the first 8 bytes of the SHA-256 of "SEED/NAME", without the sign.
static func seed_of(episode_seed: int, agent_name: String) -> int:
	var digest := ("%d/%s" % [episode_seed, agent_name]).sha256_buffer()
	return digest.decode_s64(0) & 0x7FFFFFFFFFFFFFFF


## The problem that [param method] returned [param got].
func problem_of(code: String, method: String, expected: String, got: Variant) -> _MarlProblem:
	return _MarlProblem.of_answer(code, name, path, method, expected, got)


## The problem with an observation, where _MarlSectionBuffers.append() returned [param problem].
func problem_of_observation(problem: PackedStringArray) -> _MarlProblem:
	return _MarlProblem.new(
		"observation",
		"Agent %s answered an observation that is not in its space." % name,
		path + ".get_observation()",
		problem[0],
		problem[1],
		"Answer as many numbers as %s, each a number." % slot.source
	)


func _observe(reply: _MarlReply) -> _MarlProblem:
	var observation: Variant = node.call("get_observation")
	var problem := reply.observations.append(slot.observation_layout, observation)
	return null if problem.is_empty() else problem_of_observation(problem)


func _add_mask_and_info(reply: _MarlReply, infos: Dictionary) -> _MarlProblem:
	if slot.mask_size > 0:
		var mask: Variant = node.call("get_action_mask")
		if not _is_mask(mask):
			return problem_of(
				"action_mask", "get_action_mask", "%d times 0 or 1" % slot.mask_size, mask
			)
		reply.masks.append_array(PackedByteArray(Array(mask)))
	if has_info:
		var info: Variant = node.call("get_info")
		if not info is Dictionary:
			return problem_of("info", "get_info", "a Dictionary", info)
		if not (info as Dictionary).is_empty():
			infos[name] = info
			return _MarlInfoValidator.problem_of(info as Dictionary, name, path + ".get_info()")
	return null


func _is_mask(mask: Variant) -> bool:
	if not (mask is Array or typeof(mask) >= TYPE_PACKED_BYTE_ARRAY):
		return false
	var bits := Array(mask)
	return bits.size() == slot.mask_size and bits.all(_is_zero_or_one)


static func _is_zero_or_one(mark: Variant) -> bool:
	return mark is bool or ((mark is int or mark is float) and (mark == 0 or mark == 1))

class_name MarlAgent
extends RefCounted
## One agent of an arena: its node, what it can do, and the calls to it.

## The methods that make a node an agent.
const REQUIRED: PackedStringArray = [
	"apply_action", "get_observation", "get_reward", "reset", "is_done"
]

## The node with the agent interface.
var node: Node
## The agent's name in PettingZoo.
var name := ""
## Which policy it shares; empty if [member policy_answer] is no name.
var policy := "default"
## What get_policy_name answered.
var policy_answer: Variant
## Where it is in the scene tree.
var path := ""
## Its spaces as the protocol describes them; the action space may be empty.
var observation_space := {}
var action_space := {}
## How its observations lie in a message.
var observation_plan: MarlPlan
## How many numbers its action mask has; 0 without one.
var mask_size := 0
## True while its episode goes on.
var live := false

var _space_source := ""
var _has_truncated := false
var _has_info := false
var _has_mask := false


func _init(agent_node: Node) -> void:
	node = agent_node
	path = str(node.get_path())
	_has_truncated = node.has_method("is_truncated")
	_has_info = node.has_method("get_info")
	_has_mask = node.has_method("get_action_mask")
	if node.has_method("get_policy_name"):
		policy_answer = node.call("get_policy_name")
		policy = text_of(policy_answer)


## The required methods that [param candidate] has.
static func methods_of(candidate: Node) -> PackedStringArray:
	var found: PackedStringArray = []
	for method in REQUIRED:
		if candidate.has_method(method):
			found.append(method)
	return found


## [param answer] as a name; an empty one if it is none.
static func text_of(answer: Variant) -> String:
	return str(answer) if answer is String or answer is StringName else ""


## Finds the spaces: [param given_observation] and [param given_action] come from Python and
## replace the scene's own where they are not empty.
func set_spaces(given_observation: Dictionary, given_action: Dictionary) -> MarlProblem:
	observation_space = given_observation
	_space_source = "observation_space= in Python says"
	if observation_space.is_empty():
		_space_source = "get_observation_space() says"
		if node.has_method("get_observation_space"):
			var answer: Variant = node.call("get_observation_space")
			if not answer is Dictionary:
				return _space_problem("get_observation_space", "a Dictionary", answer)
			observation_space = answer
		else:
			_space_source = "the first observation had (or add get_observation_space())"
			var first: Variant = node.call("get_observation")
			observation_space = MarlSpace.like(first)
			if observation_space.is_empty():
				return _problem("observation", "get_observation", "an Array of numbers", first)
	var problem := MarlSpace.problem_of(observation_space)
	if problem:
		return _space_problem("get_observation_space", "a space", problem)
	action_space = given_action
	if action_space.is_empty() and node.has_method("get_action_space"):
		var answer: Variant = node.call("get_action_space")
		if not answer is Dictionary:
			return _space_problem("get_action_space", "a Dictionary", answer)
		action_space = answer
	if not action_space.is_empty():
		problem = MarlSpace.problem_of(action_space)
		if problem:
			return _space_problem("get_action_space", "a space", problem)
	return _set_plans()


## Takes over the spaces of [param other], which had this agent's name before.
func take_spaces(other: MarlAgent) -> void:
	observation_space = other.observation_space
	action_space = other.action_space
	observation_plan = other.observation_plan
	mask_size = other.mask_size
	_space_source = other._space_source


## Begins an episode.
func begin(episode_seed: int) -> void:
	if node.has_method("set_seed"):
		node.call("set_seed", seed_of(episode_seed, name))
	node.call("reset")
	live = true


## Adds what the agent sees at the beginning of an episode.
func observe_first(reply: MarlReply, infos: Dictionary) -> MarlProblem:
	reply.rewards.append(0.0)
	reply.flags.append(MarlReply.Flag.OBSERVED)
	var problem := _observe(reply)
	return problem if problem else _add_mask_and_info(reply, infos)


## Adds what the agent sees, earned and whether it ended.
func observe(reply: MarlReply, infos: Dictionary) -> MarlProblem:
	var problem := _observe(reply)
	if problem:
		return problem
	var reward: Variant = node.call("get_reward")
	if not (reward is float or reward is int):
		return _problem("reward", "get_reward", "a float", reward)
	reply.rewards.append(reward as float)
	var flags := MarlReply.Flag.OBSERVED as int
	var ended: Variant = node.call("is_done")
	if not ended is bool:
		return _problem("end", "is_done", "a bool", ended)
	if ended:
		flags |= MarlReply.Flag.TERMINATED
	if _has_truncated:
		ended = node.call("is_truncated")
		if not ended is bool:
			return _problem("end", "is_truncated", "a bool", ended)
		if ended:
			flags |= MarlReply.Flag.TRUNCATED
	reply.flags.append(flags)
	live = flags == MarlReply.Flag.OBSERVED
	return _add_mask_and_info(reply, infos)


## True if the node can no longer be asked.
func is_gone() -> bool:
	return not is_instance_valid(node) or node.is_queued_for_deletion() or not node.is_inside_tree()


## The seed of one agent: the first 8 bytes of the SHA-256 of "SEED/NAME", without the sign.
static func seed_of(episode_seed: int, agent_name: String) -> int:
	var digest := ("%d/%s" % [episode_seed, agent_name]).sha256_buffer()
	return digest.decode_s64(0) & 0x7FFFFFFFFFFFFFFF


func _set_plans() -> MarlProblem:
	observation_plan = MarlPlan.of(observation_space)
	if not _has_mask:
		return null
	if action_space.get("type") == "discrete":
		mask_size = int(action_space["n"] as float)
	elif action_space.get("type") == "multi_discrete":
		for count: float in Array(action_space["nvec"]):
			mask_size += int(count)
	elif not action_space.is_empty():
		return MarlProblem.new(
			"action_mask",
			"Agent %s has an action mask, which its action space cannot have." % name,
			path + ".get_action_mask()",
			"a discrete or multi_discrete action space",
			"a %s" % action_space["type"],
			"Take get_action_mask() away, or make the action space a discrete one."
		)
	return null


func _observe(reply: MarlReply) -> MarlProblem:
	var observation: Variant = node.call("get_observation")
	var problem := reply.observations.append(observation_plan, observation)
	if problem.is_empty():
		return null
	return MarlProblem.new(
		"observation",
		"Agent %s answered an observation that is not in its space." % name,
		path + ".get_observation()",
		problem[0],
		problem[1],
		"Answer as many numbers as %s, each a number." % _space_source
	)


func _add_mask_and_info(reply: MarlReply, infos: Dictionary) -> MarlProblem:
	if _has_mask:
		var mask: Variant = node.call("get_action_mask")
		if not _is_mask(mask):
			return _problem("action_mask", "get_action_mask", "%d times 0 or 1" % mask_size, mask)
		reply.masks.append_array(PackedByteArray(Array(mask)))
	if _has_info:
		var info: Variant = node.call("get_info")
		if not info is Dictionary:
			return _problem("info", "get_info", "a Dictionary", info)
		if not (info as Dictionary).is_empty():
			infos[name] = info
	return null


func _is_mask(mask: Variant) -> bool:
	if not (mask is Array or typeof(mask) >= TYPE_PACKED_BYTE_ARRAY):
		return false
	var marks := Array(mask)
	return marks.size() == mask_size and marks.all(_is_mark)


static func _is_mark(mark: Variant) -> bool:
	return mark is bool or ((mark is int or mark is float) and (mark == 0 or mark == 1))


func _problem(code: String, method: String, expected: String, got: Variant) -> MarlProblem:
	return MarlProblem.new(
		code,
		"Agent %s: %s() answered something of the wrong type or size." % [name, method],
		"%s.%s()" % [path, method],
		expected,
		MarlProblem.describe(got),
		"Give %s() its return type, and a return on every path." % method
	)


func _space_problem(method: String, expected: String, got: Variant) -> MarlProblem:
	return MarlProblem.new(
		"space",
		"Agent %s: %s() answered no space that crosses the wire." % [name, method],
		"%s.%s()" % [path, method],
		expected,
		got as String if got is String else MarlProblem.describe(got),
		"Build it with MarlSpace, for example MarlSpace.discrete(2)."
	)

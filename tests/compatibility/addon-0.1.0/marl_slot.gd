class_name MarlSlot
extends RefCounted
## One agent's place in the messages of an arena: its name and its spaces, whoever takes it.

## The agent's name in PettingZoo.
var name := ""
## Which policy it shares.
var policy := ""
## The node, or the method that declares it.
var path := ""
## The spaces as the protocol describes them; the action space may be empty.
var observation_space := {}
var action_space := {}
## How its observations lie in a message.
var observation_plan: MarlPlan
## How many numbers its action mask has; 0 without one.
var mask_size := 0
## How many agents answer through the node whose first agent has this slot; -1 for its others, and 0
## for a node that is one agent.
var group_size := 0
## Who says what the observation space is, for messages.
var source := ""


func _init(slot_name: String, slot_policy: String, slot_path: String) -> void:
	name = slot_name
	policy = slot_policy
	path = slot_path


## Takes the spaces of an agent that is there: those in Python's [param configuration], else what
## its [param node] answers.
func ask(node: Node, configuration: Dictionary) -> MarlProblem:
	observation_space = _given(configuration, "observation_spaces")
	source = "observation_space= in Python says"
	if observation_space.is_empty():
		var problem := _ask_observation_space(node)
		if problem:
			return problem
	action_space = _given(configuration, "action_spaces")
	if action_space.is_empty() and node.has_method("get_action_space"):
		var answer: Variant = node.call("get_action_space")
		if not answer is Dictionary:
			return _problem("get_action_space", "a Dictionary", MarlProblem.describe(answer))
		action_space = answer
	return _finish("get_action_space", node.has_method("get_action_mask"))


## The slot of another agent that answers through the same node.
func twin(twin_name: String) -> MarlSlot:
	var slot := MarlSlot.new(twin_name, policy, path)
	slot.observation_space = observation_space
	slot.action_space = action_space
	slot.observation_plan = observation_plan
	slot.mask_size = mask_size
	slot.source = source
	slot.group_size = -1
	return slot


## Takes the spaces of an agent that may come later: those in Python's [param configuration], else
## what the arena's root declares of it.
func declare(declaration: Dictionary, configuration: Dictionary) -> MarlProblem:
	source = "get_possible_agents() says"
	for member: String in ["observation_space", "action_space"]:
		var space: Variant = _given(configuration, member + "s")
		if (space as Dictionary).is_empty():
			space = declaration.get(member)
		var problem := "a Dictionary was expected"
		if space is Dictionary:
			problem = MarlSpace.problem_of(space as Dictionary)
		if problem:
			return _problem("get_possible_agents", "a space as " + member, problem)
		set(member, space)
	return _finish("get_possible_agents", declaration.get("action_mask", false) == true)


func _ask_observation_space(node: Node) -> MarlProblem:
	if node.has_method("get_observation_space"):
		source = "get_observation_space() says"
		var answer: Variant = node.call("get_observation_space")
		if not answer is Dictionary:
			return _problem("get_observation_space", "a Dictionary", MarlProblem.describe(answer))
		observation_space = answer
	else:
		source = "the first observation had (or add get_observation_space())"
		var first: Variant = node.call("get_observation")
		observation_space = MarlSpace.like(first)
		var expected := "an Array of numbers"
		if group_size > 0:
			observation_space = MarlGroupChecks.share_of(observation_space, group_size)
			expected = "numbers for %d agents, as many for each" % group_size
		if observation_space.is_empty():
			return MarlProblem.of_answer(
				"observation", name, path, "get_observation", expected, first
			)
	var problem := MarlSpace.problem_of(observation_space)
	return _problem("get_observation_space", "a space", problem) if problem else null


func _finish(method: String, has_mask: bool) -> MarlProblem:
	observation_plan = MarlPlan.of(observation_space)
	if not action_space.is_empty():
		var problem := MarlSpace.problem_of(action_space)
		if problem:
			return _problem(method, "a space", problem)
	if not has_mask:
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


func _given(configuration: Dictionary, member: String) -> Dictionary:
	var by_agent: Dictionary = configuration.get(member, {})
	return by_agent.get(name, by_agent.get("*", {}))


func _problem(method: String, expected: String, got: String) -> MarlProblem:
	return MarlProblem.new(
		"space",
		"Agent %s: %s() answered no space that crosses the wire." % [name, method],
		"%s.%s()" % [path.get_slice(".get_possible", 0), method],
		expected,
		got,
		"Build it with MarlSpace, for example MarlSpace.discrete(2)."
	)

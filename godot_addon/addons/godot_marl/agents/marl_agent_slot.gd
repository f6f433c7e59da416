extends RefCounted
## The place of one agent in the messages of an arena: its name and its spaces.

const _MarlAgentSlot := preload("res://addons/godot_marl/agents/marl_agent_slot.gd")
const _MarlProblem := preload("res://addons/godot_marl/protocol/marl_problem.gd")
const _MarlSpace := preload("res://addons/godot_marl/marl_space.gd")
const _MarlSpaceLayout := preload("res://addons/godot_marl/protocol/marl_space_layout.gd")
const _MarlSpaceRegistry := preload(
	"res://addons/godot_marl/protocol/spaces/marl_space_registry.gd"
)

## The agent's name in PettingZoo.
var name := ""
## The policy that the agent shares.
var policy := ""
## The node, or the method that declares it.
var path := ""
## The spaces as in section 3 of the protocol; the action space may be empty.
var observation_space := {}
var action_space := {}
## The layouts of observations and actions; that of actions is null without an action space.
var observation_layout: _MarlSpaceLayout
var action_layout: _MarlSpaceLayout
## How many numbers the action mask has; 0 without one.
var mask_size := 0
## For the first agent of a group: how many agents its node has. For its other agents: -1. For a
## node with one agent: 0.
var group_size := 0
## What the observation space comes from, for error texts.
var source := ""


func _init(slot_name: String, slot_policy: String, slot_path: String) -> void:
	name = slot_name
	policy = slot_policy
	path = slot_path


## Finds the spaces of an agent that exists: those of Python's [param configuration], else what its
## [param node] returns.
func ask(node: Node, configuration: Dictionary) -> _MarlProblem:
	observation_space = _given(configuration, "observation_spaces")
	source = "observation_space= in Python says"
	var problem: _MarlProblem
	if observation_space.is_empty():
		problem = _ask_observation_space(node)
	else:
		problem = _problem_of_given(observation_space, "observation_spaces")
	if problem:
		return problem
	action_space = _given(configuration, "action_spaces")
	if action_space:
		problem = _problem_of_given(action_space, "action_spaces")
	elif node.has_method("get_action_space"):
		problem = _ask_action_space(node)
	return problem if problem else _finish(node.has_method("get_action_mask"))


## The slot of another agent of the same node.
func twin(twin_name: String) -> _MarlAgentSlot:
	var slot := _MarlAgentSlot.new(twin_name, policy, path)
	slot.observation_space = observation_space
	slot.action_space = action_space
	slot.observation_layout = observation_layout
	slot.action_layout = action_layout
	slot.mask_size = mask_size
	slot.source = source
	slot.group_size = -1
	return slot


## Finds the spaces of an agent that may join later: those of Python's [param configuration], else
## those of its [param declaration].
func declare(declaration: Dictionary, configuration: Dictionary) -> _MarlProblem:
	source = "get_possible_agents() says"
	for member: String in ["observation_space", "action_space"]:
		var given := _given(configuration, member + "s")
		var space: Variant = given if given else declaration.get(member)
		var problem := "a Dictionary was expected"
		if space is Dictionary:
			problem = _MarlSpaceRegistry.problem_of(space as Dictionary)
		if problem and given:
			return _problem_of_given(given, member + "s")
		if problem:
			return _problem("get_possible_agents", "a space as " + member, problem)
		set(member, space)
	return _finish(declaration.get("action_mask", false) == true)


## The slot as a member of the scene message, clause 2.3.
func to_dictionary() -> Dictionary:
	return {
		"name": name,
		"path": path,
		"policy": policy,
		"observation_space": observation_space,
		"action_space": action_space if action_space else null,
		"action_mask": mask_size,
	}


func _ask_observation_space(node: Node) -> _MarlProblem:
	if node.has_method("get_observation_space"):
		source = "get_observation_space() says"
		var answer: Variant = node.call("get_observation_space")
		if not answer is Dictionary:
			return _problem("get_observation_space", "a Dictionary", _MarlProblem.describe(answer))
		observation_space = answer
	else:
		source = "the first observation had (or add get_observation_space())"
		var first: Variant = node.call("get_observation")
		observation_space = _MarlSpace.like(first)
		var expected := "an Array of numbers"
		if group_size > 0:
			observation_space = _share_of(observation_space)
			expected = "numbers for %d agents, as many for each" % group_size
		if observation_space.is_empty():
			return _MarlProblem.of_answer(
				"observation", name, path, "get_observation", expected, first
			)
	var problem := _MarlSpaceRegistry.problem_of(observation_space)
	return _problem("get_observation_space", "a space", problem) if problem else null


# The share of each agent of a group in [param space], the box of their first observation; empty if
# it cannot be divided evenly.
func _share_of(space: Dictionary) -> Dictionary:
	if space.is_empty() or not _MarlSpaceRegistry.can_be_grouped(space):
		return {}
	var size := _MarlSpaceRegistry.layout_of(space).size
	if size % group_size > 0:
		return {}
	return _MarlSpace.box_of_shape([floori(float(size) / group_size)])


func _ask_action_space(node: Node) -> _MarlProblem:
	var answer: Variant = node.call("get_action_space")
	if not answer is Dictionary:
		return _problem("get_action_space", "a Dictionary", _MarlProblem.describe(answer))
	action_space = answer
	if action_space.is_empty():
		return null
	var problem := _MarlSpaceRegistry.problem_of(action_space)
	return _problem("get_action_space", "a space", problem) if problem else null


func _finish(has_mask: bool) -> _MarlProblem:
	observation_layout = _MarlSpaceRegistry.layout_of(observation_space)
	if action_space.is_empty():
		return null
	action_layout = _MarlSpaceRegistry.layout_of(action_space)
	if not has_mask:
		return null
	mask_size = _MarlSpaceRegistry.mask_size_of(action_space)
	if mask_size > 0:
		return null
	return _MarlProblem.new(
		"action_mask",
		"Agent %s has an action mask, which its action space cannot have." % name,
		path + ".get_action_mask()",
		"a %s action space" % " or ".join(_MarlSpaceRegistry.maskable_types()),
		"a %s" % action_space["type"],
		"Remove get_action_mask(), or use a discrete action space."
	)


func _given(configuration: Dictionary, member: String) -> Dictionary:
	var by_agent: Dictionary = configuration.get(member, {})
	return by_agent.get(name, by_agent.get("*", {}))


# The problem with a space of Python's configuration, or null.
func _problem_of_given(space: Dictionary, member: String) -> _MarlProblem:
	var problem := _MarlSpaceRegistry.problem_of(space)
	if problem.is_empty():
		return null
	return _MarlProblem.new(
		"space",
		"Python gave agent %s a space that this addon cannot use." % name,
		"%s of the configure message" % member,
		"a space",
		problem,
		"Give another space, or update the addon: godot-marl addon install PROJECT_FOLDER."
	)


func _problem(method: String, expected: String, got: String) -> _MarlProblem:
	return _MarlProblem.new(
		"space",
		"Agent %s: %s() answered something that is not a space." % [name, method],
		"%s.%s()" % [path.get_slice(".get_possible", 0), method],
		expected,
		got,
		"Build it with MarlSpace, for example MarlSpace.discrete(2)."
	)

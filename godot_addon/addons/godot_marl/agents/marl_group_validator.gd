extends RefCounted
## What a node that answers for several agents cannot be: see _MarlAgentGroup.

const _MarlAgent := preload("res://addons/godot_marl/agents/marl_agent.gd")
const _MarlAgentGroup := preload("res://addons/godot_marl/agents/marl_agent_group.gd")
const _MarlAgentSlot := preload("res://addons/godot_marl/agents/marl_agent_slot.gd")
const _MarlProblem := preload("res://addons/godot_marl/protocol/marl_problem.gd")
const _MarlSpaceRegistry := preload(
	"res://addons/godot_marl/protocol/spaces/marl_space_registry.gd"
)

const _UNFIT: PackedStringArray = ["is_turn", "get_human_action"]


## Why [param node] cannot be such a node if get_agent_count returns [param count], or null.
static func fault_of(node: Node, count: Variant) -> _MarlProblem:
	for method in _UNFIT:
		if node.has_method(method):
			return _MarlProblem.new(
				"turn" if method == "is_turn" else "configure",
				"A node that answers for many agents has %s()." % method,
				"%s.%s()" % [node.get_path(), method],
				"no such method beside %s()" % _MarlAgentGroup.COUNT,
				"%s()" % method,
				"Remove it, or make each agent a node."
			)
	if count is int and count >= 1:
		return null
	return _MarlProblem.of_answer(
		"agent_set",
		str(node.name),
		str(node.get_path()),
		_MarlAgentGroup.COUNT,
		"an int of at least 1",
		count
	)


## Why [param agent] cannot have [param slot], which had its name at the handshake with another
## group_size.
static func problem_of_slot(agent: _MarlAgent, slot: _MarlAgentSlot) -> _MarlProblem:
	var count := agent.group_size
	return _MarlProblem.new(
		"agent_set",
		"The number of agents of a node is not what it was when the game began.",
		"%s.%s()" % [agent.path, _MarlAgentGroup.COUNT],
		str(slot.group_size) if slot.group_size > 0 else "a node of one agent",
		str(count) if count > 0 else "no %s()" % _MarlAgentGroup.COUNT,
		"Answer the same number at all times; agents that take no part may be done at once."
	)


## Why [param group] cannot join during an episode.
static func problem_of_birth(group: _MarlAgentGroup) -> _MarlProblem:
	return _MarlProblem.new(
		"birth",
		"A node that answers for many agents joined later.",
		"%s.%s()" % [group.path, _MarlAgentGroup.COUNT],
		"a node that exists when the game begins, or one without %s()" % _MarlAgentGroup.COUNT,
		"one more",
		"Have it in the scene from the start, or make each agent that joins a node."
	)


## Why the agents of [param group] cannot share the spaces of its first agent, or null.
static func problem_of_spaces(group: _MarlAgentGroup, configuration: Dictionary) -> _MarlProblem:
	for member: String in ["observation_space", "action_space"]:
		var space: Dictionary = group.slot.get(member)
		var given: Dictionary = configuration.get(member + "s", {})
		var got := ""
		if space and not _MarlSpaceRegistry.can_be_grouped(space):
			got = "a %s" % space["type"]
		for name in group.names:
			if given and given.get(name, given.get("*", space)) != space:
				got = "another one for %s" % name
		if got:
			return _MarlProblem.new(
				"space",
				"Agents %s cannot have this space: one node answers for them." % group.get_title(),
				"%s.get_%s()" % [group.path, member],
				"one %s space for all agents" % " or ".join(_MarlSpaceRegistry.groupable_types()),
				got,
				"Use another space, or make each agent a node."
			)
	return null

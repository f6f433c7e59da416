class_name MarlGroupChecks
extends RefCounted
## What a node that answers for many agents may not be: see [MarlGroup].

const _UNFIT: PackedStringArray = ["is_turn", "get_human_action"]
const _LEAVES: PackedStringArray = ["box", "discrete", "multi_discrete", "multi_binary"]


## Why [param node] cannot be such a node when get_agent_count answers [param count], or null.
static func fault_of(node: Node, count: Variant) -> MarlProblem:
	for method in _UNFIT:
		if node.has_method(method):
			return MarlProblem.new(
				"turn" if method == "is_turn" else "configure",
				"A node that answers for many agents has %s()." % method,
				"%s.%s()" % [node.get_path(), method],
				"no such method beside %s()" % MarlGroup.COUNT,
				"%s()" % method,
				"Take it away, or make a node of each agent."
			)
	if count is int and count >= 1:
		return null
	return MarlProblem.of_answer(
		"agent_set",
		str(node.name),
		str(node.get_path()),
		MarlGroup.COUNT,
		"an int of at least 1",
		count
	)


## What each of [param count] agents has of [param space], the box of a first observation of all;
## empty if they do not have the same.
static func share_of(space: Dictionary, count: int) -> Dictionary:
	if space.get("type") != "box":
		return {}
	var size := MarlPlan.of(space).size
	return MarlSpace.box_of_shape([floori(float(size) / count)]) if size % count == 0 else {}


## Why [param agent] cannot take [param slot], which had its name at the beginning; or null.
static func problem_of_seat(agent: MarlAgent, slot: MarlSlot) -> MarlProblem:
	var count := agent.span if agent is MarlGroup else 0
	if count == slot.group_size:
		return null
	return MarlProblem.new(
		"agent_set",
		"The number of agents of a node is not what it was when the game began.",
		"%s.%s()" % [agent.path, MarlGroup.COUNT],
		str(slot.group_size) if slot.group_size > 0 else "no node of many agents",
		str(count) if count > 0 else "no %s()" % MarlGroup.COUNT,
		"Answer the same number at all times; agents that take no part may be done at once."
	)


## Why [param agent] cannot come later, or null.
static func problem_of_birth(agent: MarlAgent) -> MarlProblem:
	if not agent is MarlGroup:
		return null
	return MarlProblem.new(
		"birth",
		"A node that answers for many agents came later.",
		"%s.%s()" % [agent.path, MarlGroup.COUNT],
		"a node that is there when the game begins, or one without %s()" % MarlGroup.COUNT,
		"one more",
		"Have it in the scene from the start, or let each agent that comes be a node."
	)


## Why the agents of [param group] cannot have the spaces of its first, or null.
static func problem_of_spaces(group: MarlGroup, configuration: Dictionary) -> MarlProblem:
	for member: String in ["observation_space", "action_space"]:
		var space: Dictionary = group.slot.get(member)
		var given: Dictionary = configuration.get(member + "s", {})
		var got := ""
		if space and not _LEAVES.has(space["type"]):
			got = "a %s" % space["type"]
		for name in group.names:
			if given and given.get(name, given.get("*", space)) != space:
				got = "another one for %s" % name
		if got:
			return MarlProblem.new(
				"space",
				"Agents %s cannot have this space: one node answers for them." % group.get_title(),
				"%s.get_%s()" % [group.path, member],
				"one %s space for all agents" % " or ".join(_LEAVES),
				got,
				"Use another space, or make a node of each agent."
			)
	return null

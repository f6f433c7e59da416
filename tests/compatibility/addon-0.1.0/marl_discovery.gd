class_name MarlDiscovery
extends RefCounted
## Finds the agents of an arena and gives them their names.

## The agents, in tree order.
var agents: Array[MarlAgent] = []
## What looks like a mistake: Dictionaries with what, where and remedy (protocol, clause 2.3).
var warnings: Array[Dictionary] = []
## What makes the scene unusable, or null.
var problem: MarlProblem

var _nodes_by_name := {}


## Looks below [param root], itself included. Nodes whose names are in [param known] (by instance
## id) keep them, whoever else has come or gone.
func _init(root: Node, known: Dictionary = {}) -> void:
	var whole: Array[Node] = []
	var partial: Array[Node] = []
	_collect(root, whole, partial)
	for node in whole:
		agents.append(MarlGroup.agent_of(node))
	for node in partial:
		_warn(node, MarlAgent.methods_of(node))
	for agent in agents:
		if agent.node.has_method("get_agent_name"):
			_take_own_name(agent)
			continue
		var name: String = known.get(agent.node.get_instance_id(), "")
		var names := agent.names_from(name)
		if name and _find_taken(names) < 0:
			_take_names(agent, names)
	for agent in agents:
		if agent.name.is_empty():
			_take_free_name(agent)
		if agent is MarlGroup and (agent as MarlGroup).fault:
			problem = (agent as MarlGroup).fault
	if agents.is_empty():
		problem = MarlProblem.new(
			"no_agent",
			"The scene has no agent.",
			str(root.get_path()),
			"at least one node with the methods %s" % ", ".join(MarlAgent.REQUIRED),
			_describe_warnings(),
			"Give a node these five methods, or let the bridge's arena_root point above it."
		)


## The agent's name when its node is called [param node_name], without the index.
static func base_name(node_name: String) -> String:
	# A node that Godot had to name itself is called like @Sheep@2.
	var base := (
		node_name
		. replace("@", " ")
		. strip_edges()
		. to_snake_case()
		. rstrip("0123456789")
		. rstrip("_ ")
		. replace(" ", "_")
	)
	return base if base else "agent"


## The nodes below [param root], itself included, that have the agent interface, in tree order.
static func agent_nodes_below(root: Node) -> Array[Node]:
	var nodes: Array[Node] = []
	_collect(root, nodes, [])
	return nodes


# Nodes queued for deletion are left out, with all below them.
static func _collect(node: Node, whole: Array[Node], partial: Array[Node]) -> void:
	if node.is_queued_for_deletion():
		return
	var count := MarlAgent.methods_of(node).size()
	if count == MarlAgent.REQUIRED.size():
		whole.append(node)
	elif count >= 3:
		partial.append(node)
	for child in node.get_children():
		_collect(child, whole, partial)


func _take_own_name(agent: MarlAgent) -> void:
	var answer: Variant = agent.node.call("get_agent_name")
	var name := MarlAgent.text_of(answer)
	var names := agent.names_from(name + "_0" if agent is MarlGroup else name)
	var taken := _find_taken(names)
	if name and taken < 0:
		_take_names(agent, names)
		return
	var got := MarlProblem.describe(answer)
	if name:
		got = '"%s", which is the name of %s' % [names[taken], _nodes_by_name[names[taken]]]
	problem = MarlProblem.new(
		"agent_name",
		"Two agents have the same name." if name else "An agent has no name.",
		agent.path + ".get_agent_name()",
		"a String that no other agent of the arena answers",
		got,
		"Answer another name, or leave the method out: the node's name then makes one."
	)


func _take_free_name(agent: MarlAgent) -> void:
	var base := base_name(agent.node.name)
	var index := 0
	var names := agent.names_from("%s_0" % base)
	var taken := _find_taken(names)
	while taken >= 0:
		index += taken + 1
		names = agent.names_from("%s_%d" % [base, index])
		taken = _find_taken(names)
	_take_names(agent, names)


# The index of the first of these names that another agent has; negative if all are free.
func _find_taken(names: PackedStringArray) -> int:
	for i in names.size():
		if _nodes_by_name.has(names[i]):
			return i
	return -1


func _take_names(agent: MarlAgent, names: PackedStringArray) -> void:
	agent.name = names[0]
	agent.names = names
	for name in names:
		_nodes_by_name[name] = agent.path
	if agent.policy.is_empty():
		problem = MarlProblem.new(
			"agent_name",
			"Agent %s names no policy." % agent.name,
			agent.path + ".get_policy_name()",
			"a String that is not empty",
			MarlProblem.describe(agent.policy_answer),
			"Answer the name of a policy, or leave the method out: the policy is then default."
		)


func _warn(node: Node, methods: PackedStringArray) -> void:
	var lacking: PackedStringArray = []
	for method in MarlAgent.REQUIRED:
		if not methods.has(method):
			lacking.append(method)
	(
		warnings
		. append(
			{
				"what":
				(
					"This node has %d of the %d methods of an agent; it lacks %s."
					% [methods.size(), MarlAgent.REQUIRED.size(), ", ".join(lacking)]
				),
				"where": str(node.get_path()),
				"remedy": "Add what is missing, or rename the others if it is no agent.",
			}
		)
	)


func _describe_warnings() -> String:
	if warnings.is_empty():
		return "none"
	var texts: PackedStringArray = []
	for warning in warnings:
		texts.append("%s: %s" % [warning["where"], warning["what"]])
	return "; ".join(texts)

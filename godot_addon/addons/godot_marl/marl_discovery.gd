class_name MarlDiscovery
extends RefCounted
## Finds the agents of an arena and gives them their names.

## The agents, in tree order.
var agents: Array[MarlAgent] = []
## What looks like a mistake: Dictionaries with what, where and remedy (protocol, clause 2.3).
var warnings: Array[Dictionary] = []
## What makes the scene unusable, or null.
var problem: MarlProblem

var _counts := {}
var _nodes_by_name := {}


func _init(root: Node) -> void:
	_visit(root)
	if agents.is_empty() and problem == null:
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
	var base := node_name.to_snake_case().rstrip("0123456789").rstrip("_ ").replace(" ", "_")
	return base if base else "agent"


func _visit(node: Node) -> void:
	if node.is_queued_for_deletion():
		return
	var methods := MarlAgent.methods_of(node)
	if methods.size() == MarlAgent.REQUIRED.size():
		_add(MarlAgent.new(node))
	elif methods.size() >= 3:
		_warn(node, methods)
	for child in node.get_children():
		_visit(child)


func _add(agent: MarlAgent) -> void:
	if agent.node.has_method("get_agent_name"):
		agent.name = str(agent.node.call("get_agent_name"))
	else:
		var base := base_name(agent.node.name)
		var index: int = _counts.get(base, 0)
		_counts[base] = index + 1
		agent.name = "%s_%d" % [base, index]
	if agent.name.is_empty() or _nodes_by_name.has(agent.name):
		problem = MarlProblem.new(
			"agent_name",
			"Two agents have the same name." if agent.name else "An agent has an empty name.",
			agent.path + ".get_agent_name()",
			"a name that no other agent of the arena has",
			'"%s", also of %s' % [agent.name, _nodes_by_name.get(agent.name, "nobody")],
			"Answer another name, or leave the method out: the node's name then makes one."
		)
	_nodes_by_name[agent.name] = agent.path
	agents.append(agent)


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

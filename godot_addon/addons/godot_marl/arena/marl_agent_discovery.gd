extends RefCounted
## Finds the agents of an arena and gives them their names.

const _MarlAgent := preload("res://addons/godot_marl/agents/marl_agent.gd")
const _MarlProblem := preload("res://addons/godot_marl/protocol/marl_problem.gd")

## The agents, in tree order.
var agents: Array[_MarlAgent] = []
## Likely mistakes: Dictionaries with what, where and remedy (protocol, clause 2.3).
var warnings: Array[Dictionary] = []
## Why the scene cannot be used, or null.
var problem: _MarlProblem

var _nodes_by_name := {}


## Searches [param root] and the nodes below it. Nodes keep the names that [param known] has for
## their instance ids, whatever other agents have joined or left.
func _init(root: Node, known: Dictionary = {}) -> void:
	var complete: Array[Node] = []
	var partial: Array[Node] = []
	_collect(root, complete, partial)
	for node in complete:
		agents.append(_MarlAgent.of_node(node))
	for node in partial:
		_warn(node, _MarlAgent.methods_of(node))
	for agent in agents:
		if agent.node.has_method("get_agent_name"):
			_assign_own_name(agent)
			continue
		var name: String = known.get(agent.node.get_instance_id(), "")
		var names := agent.names_from(name)
		if name and _find_taken(names) < 0:
			_assign_names(agent, names)
	for agent in agents:
		if agent.name.is_empty():
			_assign_free_name(agent)
		if agent.fault:
			problem = agent.fault
	if agents.is_empty():
		problem = _MarlProblem.new(
			"no_agent",
			"The scene has no agent.",
			str(root.get_path()),
			"at least one node with the methods %s" % ", ".join(_MarlAgent.REQUIRED),
			_describe_warnings(),
			"Give a node these five methods, or set the bridge's arena_root to a node above it."
		)


## The name of an agent whose node is called [param node_name], without the index.
static func base_name(node_name: String) -> String:
	# Godot names a node @Sheep@2 if its name is taken.
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


## The nodes with the agent interface, [param root] included, in tree order.
static func agent_nodes_below(root: Node) -> Array[Node]:
	var nodes: Array[Node] = []
	_collect(root, nodes, [])
	return nodes


# Nodes queued for deletion and the nodes below them are left out.
static func _collect(node: Node, complete: Array[Node], partial: Array[Node]) -> void:
	if node.is_queued_for_deletion():
		return
	var count := _MarlAgent.methods_of(node).size()
	if count == _MarlAgent.REQUIRED.size():
		complete.append(node)
	elif count >= 3:
		partial.append(node)
	for child in node.get_children():
		_collect(child, complete, partial)


func _assign_own_name(agent: _MarlAgent) -> void:
	var answer: Variant = agent.node.call("get_agent_name")
	var name := _MarlAgent.text_of(answer)
	var names := agent.names_from(name + "_0" if agent.group_size > 0 else name)
	var taken := _find_taken(names)
	if name and taken < 0:
		_assign_names(agent, names)
		return
	var got := _MarlProblem.describe(answer)
	if name:
		got = '"%s", which is the name of %s' % [names[taken], _nodes_by_name[names[taken]]]
	problem = _MarlProblem.new(
		"agent_name",
		"Two agents have the same name." if name else "An agent has no name.",
		agent.path + ".get_agent_name()",
		"a String that no other agent of the arena answers",
		got,
		"Answer another name, or remove the method: the agent is then named after its node."
	)


func _assign_free_name(agent: _MarlAgent) -> void:
	var base := base_name(agent.node.name)
	var index := 0
	var names := agent.names_from("%s_0" % base)
	var taken := _find_taken(names)
	while taken >= 0:
		index += taken + 1
		names = agent.names_from("%s_%d" % [base, index])
		taken = _find_taken(names)
	_assign_names(agent, names)


# The index of the first of these names that is taken; negative if all are free.
func _find_taken(names: PackedStringArray) -> int:
	for i in names.size():
		if _nodes_by_name.has(names[i]):
			return i
	return -1


func _assign_names(agent: _MarlAgent, names: PackedStringArray) -> void:
	agent.name = names[0]
	agent.names = names
	for name in names:
		_nodes_by_name[name] = agent.path
	if agent.policy.is_empty():
		problem = _MarlProblem.new(
			"agent_name",
			"Agent %s names no policy." % agent.name,
			agent.path + ".get_policy_name()",
			"a String that is not empty",
			_MarlProblem.describe(agent.policy_answer),
			"Answer the name of a policy, or remove the method: the policy is then default."
		)


func _warn(node: Node, methods: PackedStringArray) -> void:
	var lacking: PackedStringArray = []
	for method in _MarlAgent.REQUIRED:
		if not methods.has(method):
			lacking.append(method)
	(
		warnings
		. append(
			{
				"what":
				(
					"This node has %d of the %d methods of an agent; it lacks %s."
					% [methods.size(), _MarlAgent.REQUIRED.size(), ", ".join(lacking)]
				),
				"where": str(node.get_path()),
				"remedy": "Add what is missing, or rename the others if it is not an agent.",
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

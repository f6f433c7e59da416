@tool
extends RefCounted
## What is wrong with a bridge and its scene while the scene is edited, as far as that shows without
## a call to any agent.

const _MarlAgent := preload("res://addons/godot_marl/agents/marl_agent.gd")
const _MarlBridge := preload("res://addons/godot_marl/marl_bridge.gd")

const _NO_AGENT := (
	"No agent: neither %s nor any node below it has the five methods %s. Attach a script with them "
	+ "to a node (the template MARL Agent of the Attach Script dialog has them all), or set "
	+ "arena_root to a node above your agents. If a script makes the agents when the game "
	+ "starts, ignore this."
)
const _HALF_AN_AGENT := (
	"%s is not an agent yet: it has %d of the five methods and lacks %s. Add to its script what is "
	+ "missing, or rename the others if it is not meant to be an agent."
)
const _TWO_BRIDGES := (
	"%d bridges of this scene are enabled, and only one may be: %s. Delete the others, or switch "
	+ "their property enabled off."
)
const _LOST_ROOT := (
	"arena_root is a node that is no longer in this scene. Set it to the node above your agents, or "
	+ "leave it empty to search the whole scene for agents."
)
const _STEP_LENGTH := "step_length is %d, and a step lasts at least one frame. Set it to 1 or more."


## The warnings of [param bridge], which is part of [param scene]; none if it is not enabled,
## because the scene is then a normal game.
static func warnings_of(bridge: _MarlBridge, scene: Node) -> PackedStringArray:
	var texts: PackedStringArray = []
	if not bridge.enabled or scene == null:
		return texts
	var bridges: Array[Node] = []
	_collect_bridges(scene, bridges)
	if bridges.size() > 1:
		texts.append(_TWO_BRIDGES % [bridges.size(), _names_of(bridges, scene)])
	if bridge.step_length < 1:
		texts.append(_STEP_LENGTH % bridge.step_length)
	var root := bridge.find_arena_root()
	if not (root == scene or scene.is_ancestor_of(root)):
		texts.append(_LOST_ROOT)
		return texts
	var partial: Array[Node] = []
	var has_agent := _collect(root, partial)
	if not has_agent and not root.has_method("get_possible_agents"):
		texts.append(_NO_AGENT % [_name_of(root, scene), ", ".join(_MarlAgent.REQUIRED)])
	for node in partial:
		var methods := _MarlAgent.methods_of(node)
		var lacking: PackedStringArray = []
		for method in _MarlAgent.REQUIRED:
			if not methods.has(method):
				lacking.append(method)
		texts.append(_HALF_AN_AGENT % [_name_of(node, scene), methods.size(), ", ".join(lacking)])
	return texts


static func _collect_bridges(node: Node, bridges: Array[Node]) -> void:
	if node is _MarlBridge and (node as _MarlBridge).enabled:
		bridges.append(node)
	for child in node.get_children():
		_collect_bridges(child, bridges)


# True if there is an agent. Nodes with three or four of the methods are added to [param partial].
# has_method() also knows the methods of scripts that do not run in the editor.
static func _collect(node: Node, partial: Array[Node]) -> bool:
	var count := 0
	if node.get_script():
		count = _MarlAgent.methods_of(node).size()
	var found := count == _MarlAgent.REQUIRED.size()
	if not found and count >= 3:
		partial.append(node)
	for child in node.get_children():
		found = _collect(child, partial) or found
	return found


static func _names_of(nodes: Array[Node], scene: Node) -> String:
	return ", ".join(nodes.map(func(node: Node) -> String: return _name_of(node, scene)))


# As in the scene dock: the scene's root by its name, other nodes by their path below it.
static func _name_of(node: Node, scene: Node) -> String:
	return str(node.name) if node == scene else str(scene.get_path_to(node))

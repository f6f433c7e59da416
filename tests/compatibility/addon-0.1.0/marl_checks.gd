@tool
class_name MarlChecks
extends RefCounted
## What is wrong with a bridge and its scene, as far as that shows without a call to any agent: in
## the editor while the scene is edited, and when the game starts.

const _NO_AGENT := (
	"No agent: neither %s nor any node below it has the five methods %s. Attach a script with them "
	+ "to a node (the template MARL Agent of the Attach Script dialog has them all), or let "
	+ "arena_root name a node above your agents. If a script makes the agents when the game "
	+ "starts, ignore this."
)
const _HALF_AN_AGENT := (
	"%s is no agent yet: it has %d of the five methods, and lacks %s. Add to its script what is "
	+ "missing, or rename the others if it is not meant to be an agent."
)
const _TWO_BRIDGES := (
	"%d bridges of this scene are enabled, and only one may be: %s. Delete the others, or switch "
	+ "their property enabled off."
)
const _LOST_ROOT := (
	"arena_root names a node that is not in this scene any more. Let it name the node above your "
	+ "agents, or leave it empty: the agents are then looked for in the whole scene."
)
const _STEP_LENGTH := "step_length is %d, and a step lasts at least one frame. Set it to 1 or more."


## What the editor shows beside [param bridge], which is part of [param scene]. Nothing of a bridge
## that is not enabled, for the scene is then a normal game.
static func warnings_of(bridge: MarlBridge, scene: Node) -> PackedStringArray:
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
		texts.append(_NO_AGENT % [_name_of(root, scene), ", ".join(MarlAgent.REQUIRED)])
	for node in partial:
		var methods := MarlAgent.methods_of(node)
		var lacking: PackedStringArray = []
		for method in MarlAgent.REQUIRED:
			if not methods.has(method):
				lacking.append(method)
		texts.append(_HALF_AN_AGENT % [_name_of(node, scene), methods.size(), ", ".join(lacking)])
	return texts


## Why the game cannot start with [param bridge], where [param bridges] are all that are enabled;
## empty if it can.
static func fault_of(bridge: MarlBridge, bridges: Array[Node]) -> String:
	if bridges.size() > 1:
		var paths := ", ".join(bridges.map(func(other: Node) -> String: return other.get_path()))
		return "only one bridge may be enabled, not %d: %s" % [bridges.size(), paths]
	if bridge.step_length < 1:
		return (
			"step_length of %s must be at least 1, not %d" % [bridge.get_path(), bridge.step_length]
		)
	return ""


static func _collect_bridges(node: Node, bridges: Array[Node]) -> void:
	if node is MarlBridge and (node as MarlBridge).enabled:
		bridges.append(node)
	for child in node.get_children():
		_collect_bridges(child, bridges)


# True if there is a whole agent; those with most of the methods are added to [param partial]. A
# script that does not run in the editor has its methods all the same: has_method knows them.
static func _collect(node: Node, partial: Array[Node]) -> bool:
	var count := 0
	if node.get_script():
		count = MarlAgent.methods_of(node).size()
	var found := count == MarlAgent.REQUIRED.size()
	if not found and count >= 3:
		partial.append(node)
	for child in node.get_children():
		found = _collect(child, partial) or found
	return found


static func _names_of(nodes: Array[Node], scene: Node) -> String:
	return ", ".join(nodes.map(func(node: Node) -> String: return _name_of(node, scene)))


# As the scene dock shows it: the scene's root by its name, all others by their path below it.
static func _name_of(node: Node, scene: Node) -> String:
	return str(node.name) if node == scene else str(scene.get_path_to(node))

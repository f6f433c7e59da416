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
const _STEP_LENGTH := "step_length is %d, and a step lasts at least one frame. Set it to 1 or more."


## What the editor shows beside [param bridge], which is part of [param scene]. Nothing of a bridge
## that is not enabled, for the scene is then a normal game.
static func warnings_of(bridge: MarlBridge, scene: Node) -> PackedStringArray:
	var texts: PackedStringArray = []
	if not bridge.enabled or scene == null:
		return texts
	var bridges := bridges_below(scene)
	if bridges.size() > 1:
		texts.append(_TWO_BRIDGES % [bridges.size(), _names_of(bridges, scene)])
	if bridge.step_length < 1:
		texts.append(_STEP_LENGTH % bridge.step_length)
	var root := bridge.find_arena_root()
	var whole: Array[Node] = []
	var partial: Array[Node] = []
	MarlDiscovery.collect(root, whole, partial)
	if whole.is_empty() and not root.has_method("get_possible_agents"):
		texts.append(_NO_AGENT % [_name_of(root, scene), ", ".join(MarlAgent.REQUIRED)])
	for node in partial:
		var methods := MarlAgent.methods_of(node)
		var lacking := ", ".join(MarlAgent.methods_lacking(methods))
		texts.append(_HALF_AN_AGENT % [_name_of(node, scene), methods.size(), lacking])
	return texts


## Why the game cannot start with [param bridge], where [param bridges] are all that are enabled;
## empty if it can.
static func fault_of(bridge: MarlBridge, bridges: Array[Node]) -> String:
	if bridges.size() > 1:
		var paths := ", ".join(bridges.map(func(other: Node) -> String: return other.get_path()))
		return "only one bridge may be enabled, not %d: %s" % [bridges.size(), paths]
	if bridge.step_length < 1:
		return (
			"step_length of %s must be at least 1, not %d"
			% [bridge.get_path(), bridge.step_length]
		)
	return ""


## The enabled bridges below [param node], itself included, in tree order.
static func bridges_below(node: Node) -> Array[Node]:
	var found: Array[Node] = []
	if node is MarlBridge and (node as MarlBridge).enabled:
		found.append(node)
	for child in node.get_children():
		found.append_array(bridges_below(child))
	return found


static func _names_of(nodes: Array[Node], scene: Node) -> String:
	return ", ".join(nodes.map(func(node: Node) -> String: return _name_of(node, scene)))


# As the scene dock shows it: the scene's root by its name, all others by their path below it.
static func _name_of(node: Node, scene: Node) -> String:
	return str(node.name) if node == scene else str(scene.get_path_to(node))

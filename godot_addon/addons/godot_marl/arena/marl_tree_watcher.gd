extends RefCounted
## Notices agents and bodies that enter or leave the tree, for all arenas of the game.

const _MarlAgentRoster := preload("res://addons/godot_marl/arena/marl_agent_roster.gd")

## One byte: 1 if agents joined or left since the last step without the fast path.
var any: PackedByteArray = [0]
## False while an arena is being replaced, because its root may be freed.
var is_on := true

var _rosters: Array[_MarlAgentRoster] = []


## Watches [param tree].
func _init(tree: SceneTree) -> void:
	tree.node_added.connect(_on_node_moved)
	tree.node_removed.connect(_on_node_moved)


## Keeps [param roster] informed of changes below its root.
func watch(roster: _MarlAgentRoster) -> void:
	_rosters.append(roster)


func _on_node_moved(node: Node) -> void:
	var is_agent := node.has_method("get_observation")
	if not (is_on and (is_agent or node is CollisionObject3D or node is CollisionObject2D)):
		return
	for roster in _rosters:
		if roster.root == node or roster.root.is_ancestor_of(node):
			roster.is_fresh = false
			roster.is_changed = roster.is_changed or is_agent
			if is_agent:
				any[0] = 1
			return

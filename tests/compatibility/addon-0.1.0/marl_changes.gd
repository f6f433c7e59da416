class_name MarlChanges
extends RefCounted
## Notices in which arenas agents or bodies come and go, for all arenas of the game at once.

## One byte: 1 if agents came or left in an arena that nobody has looked at since.
var any: PackedByteArray = [0]
## Off while an arena is being replaced: its root is not to be touched then.
var is_on := true

var _presences: Array[MarlPresence] = []


## Watches [param tree].
func _init(tree: SceneTree) -> void:
	tree.node_added.connect(_on_node_moved)
	tree.node_removed.connect(_on_node_moved)


## Tells [param presence] of what happens below its root.
func watch(presence: MarlPresence) -> void:
	_presences.append(presence)


func _on_node_moved(node: Node) -> void:
	var is_agent := node.has_method("get_observation")
	if not (is_on and (is_agent or node is CollisionObject3D or node is CollisionObject2D)):
		return
	for presence in _presences:
		if presence.root == node or presence.root.is_ancestor_of(node):
			presence.is_fresh = false
			presence.is_changed = presence.is_changed or is_agent
			if is_agent:
				any[0] = 1
			return

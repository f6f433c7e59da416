extends RefCounted
## Flushes the transforms of an arena's bodies and areas, so that physics knows their new places.
##
## Godot does so at the end of the frame only; ray casts and the first observation come earlier.

var _in_3d: Array[Node] = []
var _in_2d: Array[Node] = []


## Searches bodies and areas below [param root].
func find(root: Node) -> void:
	_in_3d = root.find_children("*", "CollisionObject3D", true, false)
	_in_2d = root.find_children("*", "CollisionObject2D", true, false)


## Flushes their transforms.
func flush_transforms() -> void:
	for node in _in_3d:
		(node as Node3D).force_update_transform()
	for node in _in_2d:
		(node as Node2D).force_update_transform()

class_name MarlBodies
extends RefCounted
## The physics bodies and areas of an arena, whose new places physics is told of at once.
##
## Physics sees a node's new place only once its transform is flushed, which Godot does at the end
## of the frame; ray casts and the first observation come sooner.

var _in_3d: Array[Node] = []
var _in_2d: Array[Node] = []


## Looks them up anew below [param root].
func find(root: Node) -> void:
	_in_3d = root.find_children("*", "CollisionObject3D", true, false)
	_in_2d = root.find_children("*", "CollisionObject2D", true, false)


## Tells physics where they are.
func flush_transforms() -> void:
	for node in _in_3d:
		(node as Node3D).force_update_transform()
	for node in _in_2d:
		(node as Node2D).force_update_transform()

extends Camera3D
## Follows the cart a part of its way along the track, so that the cart is large in the picture and
## one can still see where it is. It is for the eye alone.
##
## Like the wheels it acts right before each picture, from nothing but the cart's position.

## What to follow.
@export var target: Node3D
## How much of the target's way the camera goes along.
@export_range(0.0, 1.0) var share := 0.5


func _enter_tree() -> void:
	RenderingServer.frame_pre_draw.connect(_follow)


func _exit_tree() -> void:
	RenderingServer.frame_pre_draw.disconnect(_follow)


func _follow() -> void:
	position.z = target.position.z * share
	force_update_transform()

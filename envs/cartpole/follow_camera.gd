extends Camera3D
## Follows the cart for a part of its way along the track, so that the cart is large in the image
## and its position is still visible. It only affects images.
##
## Like the wheels it runs right before each image, and depends only on the cart's position.

## The node to follow.
@export var target: Node3D
## The share of the target's way that the camera moves.
@export_range(0.0, 1.0) var share := 0.5


func _enter_tree() -> void:
	RenderingServer.frame_pre_draw.connect(_follow)


func _exit_tree() -> void:
	RenderingServer.frame_pre_draw.disconnect(_follow)


func _follow() -> void:
	position.z = target.position.z * share
	force_update_transform()

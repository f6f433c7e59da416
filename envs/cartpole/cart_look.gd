extends Node3D
## Turns the cart's wheels, its children, as far as the cart has moved. It only affects images.
##
## It runs right before each image, and depends only on the cart's position: an image shows the
## state at that moment, and without a display this costs nothing.

## The wheels' radius in metres.
@export var radius := 1.0


func _enter_tree() -> void:
	RenderingServer.frame_pre_draw.connect(_turn)


func _exit_tree() -> void:
	RenderingServer.frame_pre_draw.disconnect(_turn)


func _turn() -> void:
	var cart: Node3D = get_parent()
	for wheel: Node3D in get_children():
		wheel.rotation.x = cart.position.z / radius
		for part: Node3D in wheel.get_children():
			part.force_update_transform()

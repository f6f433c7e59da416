extends Node3D
## Rolls the ball. It only affects images.
##
## It runs right before each image, and depends only on the ball's position: an image shows the
## state at that moment, and without a display this costs nothing. The node is top-level, so that it
## does not follow the body by itself.

## The ball's radius in metres.
@export var radius := 0.35


func _enter_tree() -> void:
	RenderingServer.frame_pre_draw.connect(_roll)


func _exit_tree() -> void:
	RenderingServer.frame_pre_draw.disconnect(_roll)


func _roll() -> void:
	var ball: RigidBody3D = get_parent()
	var along := Basis(Vector3.FORWARD, ball.position.x / radius)
	basis = Basis(Vector3.RIGHT, ball.position.z / radius) * along
	global_position = ball.global_position
	force_update_transform()
	for part: Node3D in get_children():
		part.force_update_transform()

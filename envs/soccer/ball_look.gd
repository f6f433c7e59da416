extends Node3D
## Rolls the ball. It is for the eye alone.
##
## It acts right before each picture, from nothing but the ball's position: a picture shows the
## state that it was taken in, and without a display this costs nothing. For that it is top-level:
## the body's moves do not reach it by themselves.

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

extends Node2D
## Draws a mover: a disc whose eyes look where it runs. It only affects images.
##
## It turns right before each image, and depends only on the mover's direction: an image shows the
## state at that moment, and without a display this costs nothing.

## The colour of the disc.
@export var color := Color("2b406a")

@onready var _mover: TagMover = get_parent()


func _enter_tree() -> void:
	RenderingServer.frame_pre_draw.connect(_turn)


func _exit_tree() -> void:
	RenderingServer.frame_pre_draw.disconnect(_turn)


func _draw() -> void:
	var radius := _mover.radius
	draw_circle(Vector2.ZERO, radius + 3.0, Color(0.1, 0.13, 0.19, 0.1), true, -1.0, true)
	draw_circle(Vector2.ZERO, radius, color, true, -1.0, true)
	for side: float in [-1.0, 1.0]:
		var eye := Vector2(0.42, 0.4 * side) * radius
		draw_circle(eye, radius * 0.28, Color("fbfaf6"), true, -1.0, true)
		draw_circle(
			eye + Vector2(0.1 * radius, 0.0), radius * 0.14, Color("1a2130"), true, -1.0, true
		)


func _turn() -> void:
	rotation = _mover.facing.angle()

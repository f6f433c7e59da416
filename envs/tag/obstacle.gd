class_name TagObstacle
extends StaticBody2D
## An obstacle: a bar or a pillar, depending on its child [code]Shape[/code].

const _COLOR := Color("8693a8")
const _TOP_COLOR := Color("97a3b6")
const _EDGE := 4.0

@onready var _collision: CollisionShape2D = $Shape


func _draw() -> void:
	if _collision.shape is CircleShape2D:
		var radius := (_collision.shape as CircleShape2D).radius
		draw_circle(Vector2.ZERO, radius, _COLOR, true, -1.0, true)
		draw_circle(Vector2.ZERO, radius - _EDGE, _TOP_COLOR, true, -1.0, true)
		return
	var size := (_collision.shape as RectangleShape2D).size
	draw_rect(Rect2(-size / 2.0, size), _COLOR)
	draw_rect(Rect2(-size / 2.0, size).grow(-_EDGE), _TOP_COLOR)

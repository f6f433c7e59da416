class_name TagObstacle
extends StaticBody2D
## Something that stands in the way: a bar or a pillar, as its child [code]Shape[/code] says.

const _COLOR := Color("8693a8")
const _TOP_COLOR := Color("97a3b6")
const _EDGE := 4.0

@onready var _collision: CollisionShape2D = $Shape


## How far from its middle its surface is at most.
func reach() -> float:
	if _collision.shape is CircleShape2D:
		return (_collision.shape as CircleShape2D).radius
	return (_collision.shape as RectangleShape2D).size.length() / 2.0


## The way from its nearest point to a place, both in the arena's frame. It is zero inside, where no
## mover ever gets: none runs further in a frame than it is wide.
func way_to(place: Vector2) -> Vector2:
	var from_middle := place - position
	if _collision.shape is CircleShape2D:
		return from_middle - from_middle.limit_length((_collision.shape as CircleShape2D).radius)
	var half := (_collision.shape as RectangleShape2D).size / 2.0
	return from_middle - from_middle.clamp(-half, half)


func _draw() -> void:
	if _collision.shape is CircleShape2D:
		var radius := (_collision.shape as CircleShape2D).radius
		draw_circle(Vector2.ZERO, radius, _COLOR, true, -1.0, true)
		draw_circle(Vector2.ZERO, radius - _EDGE, _TOP_COLOR, true, -1.0, true)
		return
	var size := (_collision.shape as RectangleShape2D).size
	draw_rect(Rect2(-size / 2.0, size), _COLOR)
	draw_rect(Rect2(-size / 2.0, size).grow(-_EDGE), _TOP_COLOR)

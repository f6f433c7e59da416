extends Node2D
## The floor, its walls and the clock. It only affects images.
##
## The clock is drawn right before each image, and depends only on the arena's state: an image shows
## the state at that moment, and without a display this costs nothing.

const _FLOOR_COLOR := Color("e4e8ec")
const _WALL_COLOR := Color("5c6b85")
const _TIME_COLOR := Color("fcc454")
const _SPENT_COLOR := Color("d9d8d2")
const _TEXT_COLOR := Color("2b406a")
const _WALL := 8.0
const _BAR := Rect2(96.0, 27.0, 840.0, 8.0)

# The clock has a separate canvas item, which is drawn at once, not at the end of the frame.
var _clock := RenderingServer.canvas_item_create()

@onready var _arena: TagArena = get_parent()
@onready var _font := ThemeDB.fallback_font


func _enter_tree() -> void:
	RenderingServer.frame_pre_draw.connect(_draw_clock)


func _ready() -> void:
	RenderingServer.canvas_item_set_parent(_clock, get_canvas_item())


func _exit_tree() -> void:
	RenderingServer.frame_pre_draw.disconnect(_draw_clock)


func _notification(what: int) -> void:
	if what == NOTIFICATION_PREDELETE:
		RenderingServer.free_rid(_clock)


func _draw() -> void:
	draw_rect(TagArena.FLOOR.grow(_WALL), _WALL_COLOR)
	draw_rect(TagArena.FLOOR, _FLOOR_COLOR)


func _draw_clock() -> void:
	var left := _arena.time_left()
	var spent := Rect2(_BAR.position, Vector2(_BAR.size.x * left, _BAR.size.y))
	RenderingServer.canvas_item_clear(_clock)
	RenderingServer.canvas_item_add_rect(_clock, _BAR, _SPENT_COLOR)
	RenderingServer.canvas_item_add_rect(_clock, spent, _TIME_COLOR)
	var seconds := left * TagArena.TIME_LIMIT / Engine.physics_ticks_per_second
	_font.draw_string(
		_clock,
		Vector2(24.0, 38.0),
		"caught" if _arena.is_caught() else "%.1f s" % seconds,
		HORIZONTAL_ALIGNMENT_LEFT,
		-1.0,
		20,
		_TEXT_COLOR
	)

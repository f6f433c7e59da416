extends Node2D
## Shows the score and the seconds that are left, on top of the image. It only affects images.
##
## It draws right before each image, and not in _draw, which comes one frame too late for an image
## that is taken at once.

const _SIZE := 30
const _BASELINE := 44.0
const _WIDTH := 120.0
# From the middle of the image to the middle of each text.
const _PLACES: Array[float] = [-110.0, 110.0, 0.0]

## The colours of red's goals, of blue's goals, and of the clock.
@export var colors: Array[Color] = [Color.WHITE, Color.WHITE, Color.WHITE]

var _font := ThemeDB.fallback_font

@onready var _arena: SoccerArena = get_parent()


func _enter_tree() -> void:
	RenderingServer.frame_pre_draw.connect(_show)


func _exit_tree() -> void:
	RenderingServer.frame_pre_draw.disconnect(_show)


func _show() -> void:
	var item := get_canvas_item()
	var middle := get_viewport_rect().size.x / 2.0
	var texts := [str(_arena.score.x), str(_arena.score.y), "%.1f" % _arena.time_left()]
	RenderingServer.canvas_item_clear(item)
	for i: int in texts.size():
		var place := Vector2(middle + _PLACES[i] - _WIDTH / 2.0, _BASELINE)
		var text: String = texts[i]
		_font.draw_string(item, place, text, HORIZONTAL_ALIGNMENT_CENTER, _WIDTH, _SIZE, colors[i])

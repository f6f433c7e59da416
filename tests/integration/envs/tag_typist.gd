extends SceneTree
## Plays tag with the arrow keys, without a bridge, until the game begins again. Prints one line of
## JSON.
##
## Run by test_tag.py in a copy of the project.

# Frames that the key is held down, and the most that a game and its end can last.
const _HELD := 20
const _MOST := 1400

var _game: Node
var _runner: Node2D
var _begin := Vector2.ZERO
var _moved := Vector2.ZERO
var _frame := 0
var _end := ""


func _initialize() -> void:
	_game = (load("res://tag.tscn") as PackedScene).instantiate()
	root.add_child(_game)
	_runner = _game.get_node("Runner")


func _physics_process(_delta: float) -> bool:
	_frame += 1
	if _frame == 1:
		# Not before: the game gives out random places once it is ready. This one has free floor to
		# the left, no other agent is near, and the second chaser comes straight to it.
		_runner.position = Vector2(700.0, 288.0)
		for i: int in 3:
			var chaser: Node2D = _game.get_node("Chaser%d" % (i + 1))
			chaser.position = Vector2(900.0, 128.0 + 160.0 * i)
		_begin = _runner.position
		_press(KEY_LEFT, true)
	elif _frame == _HELD:
		_moved = _runner.position - _begin
		_press(KEY_LEFT, false)
	if _end.is_empty() and (_game.call("is_caught") or _game.call("is_time_up")):
		_end = str(_game.get("caught_by"))
	var is_new: bool = not _end.is_empty() and not _game.call("is_caught")
	if is_new or _frame > _MOST:
		var left: float = _game.call("time_left")
		print(JSON.stringify([_moved.x, _moved.y, _end, is_new, left]))
		return true
	return false


func _press(key: Key, is_pressed: bool) -> void:
	var event := InputEventKey.new()
	event.keycode = key
	event.pressed = is_pressed
	Input.parse_input_event(event)
	Input.flush_buffered_events()

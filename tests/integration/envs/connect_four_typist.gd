extends SceneTree
## Presses keys in Connect Four, without a bridge and as if there were one. Prints one line of JSON.
##
## Run by test_connect_four.py in a copy of the project.

var _game: Node


func _initialize() -> void:
	_game = (load("res://connect_four.tscn") as PackedScene).instantiate()
	root.add_child(_game)


func _process(_delta: float) -> bool:
	var players: Array[Node] = [_game.get_node("Player1"), _game.get_node("Player2")]
	var rows := []
	# Two people, without a bridge.
	for key: Key in [KEY_1, KEY_KP_7, KEY_1, KEY_7, KEY_8, KEY_A, KEY_1, KEY_7]:
		_press(key)
		rows.append([_game.get("disc_count"), _game.get("turn"), _game.get("is_over")])
	_release(KEY_1)
	_press(KEY_1, true)
	rows.append(_game.get("disc_count"))
	_press(KEY_1)
	rows.append([_game.get("winner"), _game.get("is_over")])
	_release(KEY_1)
	rows.append(_game.get("is_over"))
	_press(KEY_SPACE)
	rows.append([_game.get("disc_count"), _game.get("is_over")])
	# The bridge asks.
	paused = true
	_game.call("reset_arena")
	rows.append(players[0].call("get_human_action"))
	_press(KEY_3)
	rows.append(
		[
			players[0].call("get_human_action"),
			players[0].call("get_human_action"),
			_game.get("disc_count")
		]
	)
	_press(KEY_4)
	_game.call("play", 0, 2)
	rows.append(players[1].call("get_human_action"))
	for i: int in 5:
		_game.call("play", 1 - i % 2, 2)
	_press(KEY_3)
	rows.append(players[0].call("get_human_action"))
	_press(KEY_5)
	_game.call("reset_arena")
	rows.append(players[0].call("get_human_action"))
	print(JSON.stringify(rows))
	return true


func _press(key: Key, is_echo: bool = false) -> void:
	_send(key, true, is_echo)


func _release(key: Key) -> void:
	_send(key, false, false)


func _send(key: Key, is_pressed: bool, is_echo: bool) -> void:
	var event := InputEventKey.new()
	event.keycode = key
	event.pressed = is_pressed
	event.echo = is_echo
	root.push_input(event)

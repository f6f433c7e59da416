extends "res://walker.gd"
## A walker whose person types digits. They are collected where Godot delivers input, here or in
## the root, or the keyboard is read when the bridge calls.

@export_enum("input", "key", "unhandled", "root", "polling") var way := "input"

var _typed := -1
var _presses := 0


func get_human_action() -> Array:
	if way == "polling":
		for digit in 3:
			if Input.is_key_pressed((KEY_0 + digit) as Key):
				return [digit]
		return []
	var answer := [_typed] if _typed >= 0 else []
	_typed = -1
	return answer


func get_info() -> Dictionary:
	return {"presses": _presses}


## Takes a key press.
func take(event: InputEvent) -> void:
	var key := event as InputEventKey
	if key and key.pressed and not key.echo:
		_typed = key.keycode - KEY_0
		_presses += 1


func _input(event: InputEvent) -> void:
	if way == "input":
		take(event)


func _unhandled_key_input(event: InputEvent) -> void:
	if way == "key":
		take(event)


func _unhandled_input(event: InputEvent) -> void:
	if way == "unhandled":
		take(event)

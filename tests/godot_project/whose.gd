extends Node
## An agent that counts the physics frames in which it acts, and repeats the word of the reset's
## options.

var _frames := 0
var _word := ""


func set_options(options: Dictionary) -> Array:
	_word = options["word"]
	return []


func apply_action(_action: Array) -> void:
	_frames += 1


func get_observation() -> Array:
	return [_frames]


func get_reward() -> float:
	return 0.0


func is_done() -> bool:
	return false


func reset() -> void:
	_frames = 0


func get_info() -> Dictionary:
	return {"word": _word}


func get_action_space() -> Dictionary:
	return MarlSpace.discrete(2)

extends Node
## The smallest agent: its spaces are found, or given by Python.

var _action: Array = [0.0, 0.0]


func apply_action(action: Array) -> void:
	_action = action


func get_observation() -> Array:
	return _action


func get_reward() -> float:
	return 1.0


func is_done() -> bool:
	return false


func reset() -> void:
	_action = [0.0, 0.0]

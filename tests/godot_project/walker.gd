extends Node
## One agent on a line: it starts at 0, walks with actions 0 (left), 1 (stay) and 2 (right), earns
## its position, and is done at the end of the line.

const END := 5.0

var _position := 0.0


func apply_action(action: Array) -> void:
	_position += float(action[0] as int - 1)


func get_observation() -> Array:
	return [_position]


func get_reward() -> float:
	return _position


func is_done() -> bool:
	return absf(_position) >= END


func reset() -> void:
	_position = 0.0


func get_observation_space() -> Dictionary:
	return MarlSpace.box([-END], [END])


func get_action_space() -> Dictionary:
	return MarlSpace.discrete(3)

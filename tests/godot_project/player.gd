extends Node
## One player of players.gd.

const Players := preload("res://players.gd")

@export var index := 0


func apply_action(action: Array) -> void:
	_table().play(index, action[0] as int)


func get_observation() -> Array:
	return [_table().move, _table().moves.size()]


func get_reward() -> float:
	var moves := _table().moves
	return 1.0 if moves and moves[-1] / 10 == index else 0.0


func reset() -> void:
	pass


func is_done() -> bool:
	return _table().is_out(index)


func is_turn() -> bool:
	return _table().has_turn(index)


func get_action_space() -> Dictionary:
	return MarlSpace.discrete(3)


func get_action_mask() -> Array:
	return [1, 1, 1 if index == 0 else 0]


func get_info() -> Dictionary:
	return {"moves": _table().moves}


func _table() -> Players:
	return get_parent() as Players

extends Node
## An agent with an action mask, which forbids one of three actions, another one in each step. It
## observes which, and says in its info when it was
## disobeyed. How long its episode lasts depends on its seed.

var _step := 0
var _length := 4
var _disobeyed := false


func set_seed(value: int) -> void:
	_length = 3 + value % 5


func reset() -> void:
	_step = 0
	_disobeyed = false


func apply_action(action: Array) -> void:
	_disobeyed = action[0] as int == _forbidden()
	_step += 1


func get_observation() -> Array:
	return [_forbidden(), _step]


func get_reward() -> float:
	return 0.1 * _step


func is_done() -> bool:
	return _step >= _length


func get_action_mask() -> Array:
	return [0, 1, 2].map(func(action: int) -> int: return int(action != _forbidden()))


func get_info() -> Dictionary:
	return {"disobeyed": _disobeyed, "at": _step, "length": _length}


func get_action_space() -> Dictionary:
	return MarlSpace.discrete(3)


func get_observation_space() -> Dictionary:
	return MarlSpace.box([0.0, 0.0], [2.0, 100.0])


func _forbidden() -> int:
	return (_step + _length) % 3

class_name Bird
extends Node
## An agent of [Flock]: after a random time it either ends or leaves the tree.

## Its age, and the age at which it ends.
const OBSERVATION_SPACE: Dictionary = {
	"type": "box", "shape": [2], "dtype": "float32", "low": 0.0, "high": 1000.0
}
## Grow older by one or by two.
const ACTION_SPACE: Dictionary = {"type": "discrete", "n": 2, "start": 0}

var _random := RandomNumberGenerator.new()
var _age := 0
var _span := 0


func apply_action(action: Array) -> void:
	_age += 1 + int(action[0])
	# Half of them leave the tree; the others stay, and is_done() is true.
	if _age >= _span and _span % 2 == 0:
		queue_free()


func get_observation() -> Array:
	return [_age, _span]


func get_reward() -> float:
	return 1.0


func is_done() -> bool:
	return _age >= _span


func reset() -> void:
	_age = 0
	_span = _random.randi_range(20, 120)


func set_seed(value: int) -> void:
	_random.seed = value


func get_info() -> Dictionary:
	return {"age": _age}


func get_policy_name() -> String:
	return "bird"


func get_observation_space() -> Dictionary:
	return OBSERVATION_SPACE


func get_action_space() -> Dictionary:
	return ACTION_SPACE

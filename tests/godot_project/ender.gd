extends Node
## An agent of ends.gd. Its observation is the step, as often as its size says; the random number
## of its reward comes from its own seed.

var end_at := 1
var is_cut := false
var size := 1
var step := 0
var _random := RandomNumberGenerator.new()


func set_seed(value: int) -> void:
	_random.seed = value


func reset() -> void:
	step = 0


func apply_action(_action: Array) -> void:
	step += 1


func get_observation() -> PackedFloat32Array:
	var observation := PackedFloat32Array()
	observation.resize(size)
	observation.fill(step)
	return observation


func get_reward() -> float:
	return _random.randf()


func is_done() -> bool:
	return not is_cut and step >= end_at


func is_truncated() -> bool:
	return is_cut and step >= end_at


func get_observation_space() -> Dictionary:
	return MarlSpace.box_of_shape([size], 0.0, 100.0)


func get_action_space() -> Dictionary:
	return MarlSpace.discrete(2 + size)

extends Node
## An agent with some luck of its own, which ends after some steps or is cut off. The other
## rower_*.gd are this one with observations of another form, or with more answers.

var place := 0.0
var steps := 0
var frames := 0
var end_at := 0
var speed := 1.0
var rng := RandomNumberGenerator.new()


func set_seed(own_seed: int) -> void:
	rng.seed = own_seed


func set_options(options: Dictionary) -> Array:
	speed = options.get("speed", 1.0)
	return options.keys().filter(func(key: String) -> bool: return key != "speed")


func reset() -> void:
	place = 0.0
	steps = 0
	frames = 0
	end_at = rng.randi_range(1, 12)


func _physics_process(_delta: float) -> void:
	frames += 1


func apply_action(action: Array) -> void:
	steps += 1
	place += speed * rng.randf() * (float(action[0] as int) - 1.0)


func get_observation() -> Variant:
	var numbers := [place, steps, frames]
	return PackedFloat32Array(numbers) if get_index() % 2 else numbers as Variant


func get_reward() -> Variant:
	return place * frames


func is_done() -> Variant:
	return steps >= end_at and end_at % 2 == 0


func is_truncated() -> Variant:
	return steps >= end_at and end_at % 2 == 1


func get_observation_space() -> Dictionary:
	return MarlSpace.box_of_shape([3], -INF, INF)


func get_action_space() -> Dictionary:
	return MarlSpace.discrete(3)

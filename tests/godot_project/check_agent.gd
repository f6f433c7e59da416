extends Node
## A sound agent, which goes left and right on a line, a little at random, and ends after some
## steps. The other check_*.gd are this one with one mistake each.

const LENGTH := 12

var place := 0.0
var steps := 0
var rng := RandomNumberGenerator.new()


func apply_action(action: Array) -> void:
	steps += 1
	place += (1.0 if action[0] == 1 else -1.0) * rng.randf()


func get_observation() -> Array:
	return [place, float(steps)]


func get_reward() -> float:
	return place


func reset() -> void:
	place = 0.0
	steps = 0


func is_done() -> bool:
	return steps >= LENGTH


func set_seed(own_seed: int) -> void:
	rng.seed = own_seed


func get_action_space() -> Dictionary:
	return MarlSpace.discrete(2)


func get_observation_space() -> Dictionary:
	return MarlSpace.box([-LENGTH, 0.0], [LENGTH, LENGTH])

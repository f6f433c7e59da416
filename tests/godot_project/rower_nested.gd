extends "res://rower_plain.gd"
## Sees a column of numbers.


func get_observation() -> Variant:
	return [[place], [steps], [frames]]


func get_observation_space() -> Dictionary:
	return MarlSpace.box_of_shape([3, 1], -INF, INF)

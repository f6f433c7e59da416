extends "res://rower_plain.gd"
## Has an action mask.


func get_action_mask() -> Array:
	return [1, steps % 2, 1]

extends "res://sheep.gd"
## A sheep with an action mask: the one with an even id may do both.


func get_action_mask() -> Array:
	return [1, 1 - id % 2]

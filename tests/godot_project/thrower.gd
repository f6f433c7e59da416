extends "res://member.gd"
## A member with an action mask: the action whose number is the step's is forbidden.


func get_action_mask() -> Array:
	return range(4).map(func(i: int) -> int: return int(i != _step))

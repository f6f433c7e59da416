extends "res://rower_plain.gd"
## All end at the same step.


func is_done() -> bool:
	return steps >= 5


func is_truncated() -> bool:
	return false

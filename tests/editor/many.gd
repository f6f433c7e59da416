extends "res://whole.gd"
## A node of many agents.


func get_agent_count() -> int:
	push_error("called")
	return 0

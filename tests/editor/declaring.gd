extends Node2D
## A scene's root whose agents come later.


func get_possible_agents() -> Dictionary:
	push_error("called")
	return {}

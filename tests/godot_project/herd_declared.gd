extends "res://herd.gd"
## A herd that declares the agents that may join.


func get_possible_agents() -> Dictionary:
	return _get_possible_agents()

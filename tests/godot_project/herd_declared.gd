extends "res://herd.gd"
## A herd that declares who may come.


func get_possible_agents() -> Dictionary:
	return _get_possible_agents()

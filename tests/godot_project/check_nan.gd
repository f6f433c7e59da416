extends "res://check_agent.gd"
## Takes the root of a negative number after some steps.


func get_observation() -> Array:
	return [place, sqrt(3.0 - float(steps))]

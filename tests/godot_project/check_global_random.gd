extends "res://check_agent.gd"
## Draws from the generator that belongs to everyone.


func get_observation() -> Array:
	return [randf(), float(steps)]

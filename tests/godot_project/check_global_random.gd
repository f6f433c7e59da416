extends "res://check_agent.gd"
## Draws from the global generator.


func get_observation() -> Array:
	return [randf(), float(steps)]

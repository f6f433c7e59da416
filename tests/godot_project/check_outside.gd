extends "res://check_agent.gd"
## Looks for its scene where it is only as long as it is alone.


func get_observation() -> Array:
	return [place, float(get_node("/root/Outside/Agent").get("steps") as int)]

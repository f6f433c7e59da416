extends "res://check_agent.gd"
## Never ends, and sees nothing.


func get_observation() -> Array:
	return [1.0, 1.0]


func is_done() -> bool:
	return false


func get_observation_space() -> Dictionary:
	return MarlSpace.box([-INF, 0.0], [INF, 12.0])

extends "res://rows.gd"
## The same with a state, which lies behind the observations.


func get_state() -> Array:
	return [-1.0, -2.0]


func get_state_space() -> Dictionary:
	return MarlSpace.box([-9.0, -9.0], [9.0, 9.0])

extends Node
## The root of a sound scene, with a state.


func get_state() -> Array:
	return [$Left.get("place"), $Right.get("place")]


func get_state_space() -> Dictionary:
	return MarlSpace.box([-12.0, -12.0], [12.0, 12.0])

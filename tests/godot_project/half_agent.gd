extends Node
## Has three of the five methods of an agent, which is almost surely a mistake.


func apply_action(_action: Array) -> void:
	pass


func get_observation() -> Array:
	return []


func reset() -> void:
	pass

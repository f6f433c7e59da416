extends Node
## The ordinary agent beside the groups of group_calls.gd. Its info lists their calls.

const Calls := preload("res://group_calls_root.gd")


func apply_action(_action: Array) -> void:
	pass


func get_observation() -> Array:
	return [0]


func get_reward() -> float:
	return 0.0


func is_done() -> bool:
	return false


func reset() -> void:
	pass


func get_info() -> Dictionary:
	return {"calls": (get_parent() as Calls).calls}


func get_action_space() -> Dictionary:
	return MarlSpace.discrete(2)

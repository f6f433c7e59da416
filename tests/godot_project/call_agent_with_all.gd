extends "res://call_agent.gd"
## The same with every optional method of the interface, but that of turns.


func is_truncated() -> bool:
	_add("is_truncated")
	return false


func get_action_mask() -> Array:
	_add("get_action_mask")
	return [1, 0, 1]


func get_observation_space() -> Dictionary:
	_add("get_observation_space")
	return MarlSpace.box([0.0, -INF], [0.0, INF])


func get_agent_name() -> String:
	_add("get_agent_name")
	return "all"


func get_policy_name() -> String:
	_add("get_policy_name")
	return "walking"


func set_seed(_own_seed: int) -> void:
	_add("set_seed")


func set_options(options: Dictionary) -> Array:
	_add("set_options(%s)" % ", ".join(PackedStringArray(options.keys())))
	return []


func get_human_action() -> Array:
	_add("get_human_action")
	return [0]

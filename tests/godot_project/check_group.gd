extends "res://check_agent.gd"
## Asks the first in a group, which may be the agent of another copy.


func _ready() -> void:
	add_to_group("check_agents")


func get_observation() -> Array:
	return [get_tree().get_first_node_in_group("check_agents").get("place"), float(steps)]

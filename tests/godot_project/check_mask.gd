extends "res://check_agent.gd"
## Forbids everything.


func get_action_mask() -> Array:
	return [0, 0] if steps == 3 else [1, 1]

extends "res://check_agent.gd"
## Sound too: it takes no option, not even the one that PettingZoo's tests make up.


func set_options(options: Dictionary) -> Array:
	return options.keys()


func get_policy_name() -> String:
	return "picky"

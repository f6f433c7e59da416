extends "res://walker.gd"
## An agent with a name that is not its own.


func get_agent_name() -> String:
	return "twin"

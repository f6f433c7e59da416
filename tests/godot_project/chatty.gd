extends "res://walker.gd"
## An agent with as many mebibytes of info as the environment variable MEBIBYTES says.


func get_info() -> Dictionary:
	return {"text": "x".repeat(OS.get_environment("MEBIBYTES").to_int() * 1024 * 1024)}

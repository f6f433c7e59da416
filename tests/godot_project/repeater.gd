extends "res://walker.gd"
## A walker whose info repeats the options of its reset.

var _options := {}


func set_options(options: Dictionary) -> Array:
	_options = options
	return []


func get_info() -> Dictionary:
	return {"options": _options}

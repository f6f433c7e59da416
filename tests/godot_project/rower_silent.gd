extends "res://rower_plain.gd"
## Has empty infos, so that it takes the slow path.


func get_info() -> Dictionary:
	return {}

extends "res://rower_plain.gd"
## Has infos, but says nothing in them: it is asked on the long way.


func get_info() -> Dictionary:
	return {}

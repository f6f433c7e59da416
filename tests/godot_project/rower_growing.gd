extends "res://rower_plain.gd"
## Lives long if it comes later: nothing resets it then.


func _init() -> void:
	end_at = 100

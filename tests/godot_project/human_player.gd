extends "res://player.gd"
## A player whose person decides on 2 in the third frame of a turn.

var _asked := 0
var _asked_out_of_turn := 0


func get_human_action() -> Array:
	if not is_turn():
		_asked_out_of_turn += 1
	_asked += 1
	return [2] if _asked % 3 == 0 else []


func get_info() -> Dictionary:
	var info := super()
	info["asked"] = _asked
	info["asked_out_of_turn"] = _asked_out_of_turn
	return info

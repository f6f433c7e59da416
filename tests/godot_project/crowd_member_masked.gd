extends "res://crowd_member_full.gd"
## The same with a mask.


func get_action_mask() -> Array:
	return rules.mask()

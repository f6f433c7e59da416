extends "res://crowd_group_full.gd"
## The same with a mask.


func get_action_mask() -> Variant:
	var mask := []
	for one in rules:
		mask.append_array(one.mask())
	return mask if rules[0].kind == "arrays" else PackedByteArray(mask)

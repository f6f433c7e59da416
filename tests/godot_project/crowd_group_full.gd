extends "res://crowd_group.gd"
## The same with a space, infos and a time limit.


func is_truncated() -> Variant:
	var truncated := PackedByteArray()
	for i in rules.size():
		var is_cut := rules[i].is_truncated()
		truncated.append(int(is_cut))
		_has_ended[i] = int(_has_ended[i] or is_cut)
	return Array(truncated) if rules[0].kind == "arrays" else truncated


func get_info() -> Array:
	return rules.map(func(one: Rules) -> Dictionary: return one.info())


func get_observation_space() -> Dictionary:
	return rules[0].observation_space()

extends "res://crowd_member.gd"
## The same with a space, infos and a time limit.


func is_truncated() -> bool:
	return rules.is_truncated()


func get_info() -> Dictionary:
	return rules.info()


func get_observation_space() -> Dictionary:
	return rules.observation_space()

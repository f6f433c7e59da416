extends Node
## The root of an arena whose method FAULT (an environment variable) calls a method of nothing.

var _episodes := 0


func reset_arena() -> void:
	_episodes += _self_or_nothing("reset_arena").get_child_count()


func get_state() -> Array:
	return [_self_or_nothing("get_state").get_child_count()]


func get_state_space() -> Dictionary:
	return MarlSpace.box_of_shape([_self_or_nothing("get_state_space").get_child_count() - 1])


func _self_or_nothing(method: String) -> Node:
	return null if OS.get_environment("FAULT") == method else self

extends Node
## The root of an arena with a state. The reset option "absent" takes members out for an episode.

var _episodes := 0
var _wanted: Array = []
var _absent: Array[Node] = []


func set_options(options: Dictionary) -> Array:
	_wanted = options.get("absent", [])
	return options.keys().filter(func(key: String) -> bool: return key != "absent")


func reset_arena() -> void:
	_episodes += 1
	for member in _absent:
		add_child(member)
	_absent.clear()
	for node_name: String in _wanted:
		var member := get_node(node_name)
		remove_child(member)
		_absent.append(member)


func get_state() -> Dictionary:
	return {"episodes": _episodes, "members": [get_child_count() - 1]}


func get_state_space() -> Dictionary:
	var members := MarlSpace.box_of_shape([1], 0.0, 9.0, "int32")
	return MarlSpace.dict({"episodes": MarlSpace.discrete(100), "members": members})

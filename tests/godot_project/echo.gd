extends Node
## An agent that observes the action that it got, and answers its text in its info. Its node's name
## says which space it has, for both.

var _action: Variant


func apply_action(action: Array) -> void:
	_action = action


func get_observation() -> Variant:
	return _action[0] if get_action_space()["type"] == "dict" else _action


func get_reward() -> float:
	return 0.0


func is_done() -> bool:
	return false


func reset() -> void:
	_action = _zero(get_action_space())
	if get_action_space()["type"] == "dict":
		_action = [_action]


func get_info() -> Dictionary:
	var text := str(_action)
	return {"text": text} if text.length() < 1000 else {}


func get_observation_space() -> Dictionary:
	return get_action_space()


func get_action_space() -> Dictionary:
	var spaces := {
		"Image": MarlSpace.image(84, 84, 3),
		"Discrete": MarlSpace.discrete(3),
		"DiscreteFrom": MarlSpace.discrete(5, -2),
		"MultiDiscrete": MarlSpace.multi_discrete([2, 300, 5]),
		"MultiBinary": MarlSpace.multi_binary(9),
		"Dict": _dict_space(),
		"Tuple": _tuple_space(),
	}
	var dtype := str(name).to_lower()
	return spaces.get(str(name), MarlSpace.box_of_shape([2, 3], -INF, INF, dtype))


static func _dict_space() -> Dictionary:
	var picture := MarlSpace.image(2, 3, 1)
	var members := {
		"z": MarlSpace.discrete(7, 1),
		"a": MarlSpace.dict({"ü": MarlSpace.box([-1.0, 0.0], [1.0, 2.0])}),
		"B": MarlSpace.tuple([MarlSpace.multi_binary(2), picture]),
	}
	return MarlSpace.dict(members)


static func _tuple_space() -> Dictionary:
	var square := MarlSpace.box_of_shape([2, 2], -1.0, 1.0, "float64")
	var pair := MarlSpace.dict({"n": MarlSpace.multi_discrete([4, 4])})
	return MarlSpace.tuple([MarlSpace.discrete(2), square, pair])


static func _zero(space: Dictionary) -> Variant:
	var zeros := []
	match space["type"]:
		"discrete":
			zeros = [space["start"]]
			return zeros
		"multi_discrete":
			zeros.resize(Array(space["nvec"]).size())
		"multi_binary":
			zeros.resize(space["n"] as int)
		"box":
			var size := 1
			for length: int in space["shape"]:
				size *= length
			zeros.resize(size)
		"tuple":
			return Array(space["spaces"]).map(_zero)
		"dict":
			var by_name := {}
			for key: String in space["spaces"]:
				by_name[key] = _zero(space["spaces"][key] as Dictionary)
			return by_name
	zeros.fill(0)
	return zeros

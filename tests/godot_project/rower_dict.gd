extends "res://rower_plain.gd"
## Sees and does a bit of everything.


func apply_action(action: Array) -> void:
	super([int(action[0][0] as float)])
	place += float(action[1][1] as float)


func get_observation() -> Variant:
	return {"wide": [place, place / 3.0], "n": [steps], "bits": [steps % 2, 1], "small": [[frames]]}


func get_observation_space() -> Dictionary:
	var members := {
		"wide": MarlSpace.box_of_shape([2], -INF, INF, "float64"),
		"n": MarlSpace.discrete(100),
		"bits": MarlSpace.multi_binary(2),
		"small": MarlSpace.box_of_shape([1, 1], -100, 100, "int16"),
	}
	return MarlSpace.dict(members)


func get_action_space() -> Dictionary:
	return MarlSpace.tuple([MarlSpace.discrete(3), MarlSpace.box_of_shape([2], -1.0, 1.0)])

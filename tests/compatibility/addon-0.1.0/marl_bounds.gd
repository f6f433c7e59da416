class_name MarlBounds
extends RefCounted
## Whether a value of the right type and size lies in its space (protocol, section 3).


## What was expected where [param value], as [method MarlPlan.read] answers it, is out of its
## [param space]; an empty text if it is inside.
static func fault_of(space: Dictionary, value: Variant) -> String:
	match space["type"]:
		"dict":
			for key: String in space["spaces"]:
				var fault := fault_of(space["spaces"][key] as Dictionary, value[key])
				if fault:
					return "at key %s: %s" % [key, fault]
		"tuple":
			var members: Array = space["spaces"]
			for i in members.size():
				var fault := fault_of(members[i] as Dictionary, value[i])
				if fault:
					return "at index %d: %s" % [i, fault]
		"discrete":
			var start := int(space.get("start", 0) as float)
			return _fault(value, 0, start, start + int(space["n"] as float) - 1)
		"multi_discrete":
			var nvec := Array(space["nvec"])
			for i in nvec.size():
				var fault := _fault(value, i, 0, int(nvec[i] as float) - 1)
				if fault:
					return fault
		"box":
			for i in (value as Array).size():
				var fault := _fault(value, i, _bound(space, "low", i), _bound(space, "high", i))
				if fault:
					return fault
	return ""


# The bound of one element, rounded as the elements themselves are.
static func _bound(space: Dictionary, side: String, index: int) -> float:
	var bounds: Variant = space[side]
	var bound: float = bounds if bounds is float or bounds is int else Array(bounds)[index]
	return PackedFloat32Array([bound])[0] if space["dtype"] == "float32" else bound


static func _fault(value: Variant, index: int, least: Variant, most: Variant) -> String:
	var element: Variant = value[index]
	# No number is neither above nor below anything.
	if element >= least and element <= most:
		return ""
	return "a number from %s to %s at index %d" % [least, most, index]

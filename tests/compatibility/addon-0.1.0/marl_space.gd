class_name MarlSpace
extends RefCounted
## Builds the spaces that an agent answers from [code]get_observation_space()[/code] and
## [code]get_action_space()[/code].
##
## A space is a plain [Dictionary], as clause 3 of the protocol describes it.

## The element types that a box can have.
const DTYPES: PackedStringArray = ["float32", "float64", "int8", "int16", "int32", "int64", "uint8"]

## How many elements a space can have: no message is larger.
const MOST_ELEMENTS := 1 << 26

const _LARGEST_INTEGER := 9223372036854775807.0


## The [param n] integers from [param start]. As an action it arrives as [code][2][/code].
static func discrete(n: int, start: int = 0) -> Dictionary:
	return {"type": "discrete", "n": n, "start": start}


## One integer from 0 up to below [code]nvec[i][/code] for each [code]i[/code].
static func multi_discrete(nvec: Array) -> Dictionary:
	return {"type": "multi_discrete", "nvec": nvec}


## [param n] zeros and ones.
static func multi_binary(n: int) -> Dictionary:
	return {"type": "multi_binary", "n": n}


## Numbers between [param low] and [param high], one of each for every element. Bounds may be
## [constant @GDScript.INF].
static func box(low: Array, high: Array, dtype: String = "float32") -> Dictionary:
	return {"type": "box", "shape": [low.size()], "dtype": dtype, "low": low, "high": high}


## Numbers of any shape with the same bounds for every element.
static func box_of_shape(
	shape: Array, low: float = -INF, high: float = INF, dtype: String = "float32"
) -> Dictionary:
	return {"type": "box", "shape": shape, "dtype": dtype, "low": low, "high": high}


## Bytes of a picture, row by row, as [method Image.get_data] answers them.
static func image(height: int, width: int, channels: int = 3) -> Dictionary:
	return box_of_shape([height, width, channels], 0.0, 255.0, "uint8")


## A named space for each key of [param spaces].
static func dict(spaces: Dictionary) -> Dictionary:
	return {"type": "dict", "spaces": spaces}


## One space after the other.
static func tuple(spaces: Array) -> Dictionary:
	return {"type": "tuple", "spaces": spaces}


## An unbounded float32 space of the shape of [param observation], or an empty Dictionary.
static func like(observation: Variant) -> Dictionary:
	if observation is Dictionary:
		var spaces := {}
		for key: Variant in observation:
			spaces[key] = like(observation[key])
			if (spaces[key] as Dictionary).is_empty():
				return {}
		return MarlSpace.dict(spaces)
	if observation is Array or typeof(observation) >= TYPE_PACKED_BYTE_ARRAY:
		var shape := []
		var level: Variant = observation
		while level is Array or typeof(level) >= TYPE_PACKED_BYTE_ARRAY:
			var list := Array(level)
			if list.is_empty():
				return {}
			shape.append(list.size())
			level = list[0]
		if level is float or level is int:
			return MarlSpace.box_of_shape(shape)
	return {}


## What is wrong with [param space], or an empty text.
static func problem_of(space: Dictionary) -> String:
	match space.get("type"):
		"discrete":
			if not _is_integer(space.get("start", 0)):
				return "start must be an integer, not %s" % [space["start"]]
			if not _is_count(space.get("n")):
				return "n must be an integer of at least 1"
			var last := float(space.get("start", 0)) + float(space["n"])
			return "" if last <= _LARGEST_INTEGER else "its last integer must fit into 64 bits"
		"multi_discrete":
			var nvec: Variant = space.get("nvec")
			if not _is_list(nvec) or _length(nvec) == 0 or not Array(nvec).all(_is_count):
				return "nvec must be a list of integers of at least 1"
			return ""
		"multi_binary":
			if not _is_count(space.get("n")) or space["n"] > MOST_ELEMENTS:
				return "n must be an integer from 1 to %d" % MOST_ELEMENTS
			return ""
		"box":
			return _problem_of_box(space)
		"dict":
			return _problem_of_members(space, TYPE_DICTIONARY)
		"tuple":
			return _problem_of_members(space, TYPE_ARRAY)
	return (
		"type must be box, discrete, multi_discrete, multi_binary, dict or tuple, not %s"
		% [space.get("type")]
	)


static func _problem_of_box(space: Dictionary) -> String:
	var shape: Variant = space.get("shape")
	if not _is_list(shape) or _length(shape) == 0 or not Array(shape).all(_is_count):
		return "shape must be a list of integers of at least 1, not %s" % [shape]
	if not DTYPES.has(str(space.get("dtype"))):
		return "dtype must be one of %s, not %s" % [", ".join(DTYPES), space.get("dtype")]
	var size := 1
	for length: Variant in Array(shape):
		if length > MOST_ELEMENTS or size * int(length) > MOST_ELEMENTS:
			return "shape must have at most %d elements, not %s" % [MOST_ELEMENTS, shape]
		size *= int(length)
	var is_bound := _is_number if str(space["dtype"]).begins_with("float") else _is_integer_bound
	for bound: String in ["low", "high"]:
		var value: Variant = space.get(bound)
		if _is_list(value):
			if _length(value) != size or not Array(value).all(is_bound):
				return "%s must be one number, or %d of them" % [bound, size]
		elif not [value].all(is_bound):
			return "%s must be a number or a list of numbers, not %s" % [bound, value]
	var lows := Array(space["low"]) if _is_list(space["low"]) else [space["low"]]
	var highs := Array(space["high"]) if _is_list(space["high"]) else [space["high"]]
	for i in maxi(lows.size(), highs.size()):
		if lows[i % lows.size()] > highs[i % highs.size()]:
			return "low must not be above high, as it is for element %d" % i
	return ""


static func _problem_of_members(space: Dictionary, type: int) -> String:
	var members: Variant = space.get("spaces")
	if typeof(members) != type:
		return "spaces must be %s" % ["a Dictionary" if type == TYPE_DICTIONARY else "an Array"]
	var by_key: Dictionary = {}
	if type == TYPE_DICTIONARY:
		by_key = members
	else:
		var list: Array = members
		for i in list.size():
			by_key[str(i)] = list[i]
	if by_key.is_empty():
		return "spaces must not be empty"
	for key: Variant in by_key:
		if not key is String:
			return "the names in spaces must be Strings, not %s" % [key]
		if not by_key[key] is Dictionary:
			return "member %s must be a space (a Dictionary), not %s" % [key, by_key[key]]
		var member: Dictionary = by_key[key]
		var problem := problem_of(member)
		if problem:
			return "member %s: %s" % [key, problem]
	return ""


static func _is_list(value: Variant) -> bool:
	return typeof(value) == TYPE_ARRAY or typeof(value) >= TYPE_PACKED_BYTE_ARRAY


static func _length(list: Variant) -> int:
	return Array(list).size()


static func _is_number(value: Variant) -> bool:
	return typeof(value) == TYPE_INT or (typeof(value) == TYPE_FLOAT and not is_nan(value))


static func _is_integer(value: Variant) -> bool:
	return _is_number(value) and is_finite(value as float) and value == floor(value)


static func _is_integer_bound(value: Variant) -> bool:
	return _is_integer(value) or (value is float and is_inf(value as float))


static func _is_count(value: Variant) -> bool:
	return _is_integer(value) and value >= 1

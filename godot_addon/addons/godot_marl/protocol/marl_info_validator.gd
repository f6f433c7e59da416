extends RefCounted
## Finds values of an info that would arrive in Python as other values, such as JSON texts.

const _MarlProblem := preload("res://addons/godot_marl/protocol/marl_problem.gd")

## How many Arrays and Dictionaries may lie inside one another.
const MOST_DEPTH := 100

# A bit for each Variant.Type that JSON can express, if need be as a list of numbers or texts.
const _LEAVES := (
	1 << TYPE_NIL
	| 1 << TYPE_BOOL
	| 1 << TYPE_INT
	| 1 << TYPE_FLOAT
	| 1 << TYPE_STRING
	| 1 << TYPE_STRING_NAME
	| 1 << TYPE_NODE_PATH
	| 1 << TYPE_PACKED_INT32_ARRAY
	| 1 << TYPE_PACKED_INT64_ARRAY
	| 1 << TYPE_PACKED_FLOAT32_ARRAY
	| 1 << TYPE_PACKED_FLOAT64_ARRAY
	| 1 << TYPE_PACKED_STRING_ARRAY
)


## What is wrong with the [param info] of [param agent], which is found at [param place]; or null.
static func problem_of(info: Dictionary, agent: String, place: String) -> _MarlProblem:
	if _is_unchanged(info, 0):
		return null
	var fault := _fault_of(info, place, 0)
	return _MarlProblem.new(
		"info",
		"Agent %s: get_info() answered something that would arrive as another value." % agent,
		fault[0],
		fault[1],
		fault[2],
		"Convert it to numbers or texts, such as [v.x, v.y] for a Vector2 or Array(b) for bytes."
	)


static func _is_unchanged(value: Variant, depth: int) -> bool:
	if _LEAVES >> typeof(value) & 1:
		return true
	if depth == MOST_DEPTH:
		return false
	if value is Dictionary:
		for key: Variant in value:
			var member: Variant = value[key]
			if not (key is String or key is StringName):
				return false
			# Most values are leaves; these need no call.
			if not _LEAVES >> typeof(member) & 1 and not _is_unchanged(member, depth + 1):
				return false
		return true
	if value is Array:
		for item: Variant in value:
			if not _LEAVES >> typeof(item) & 1 and not _is_unchanged(item, depth + 1):
				return false
		return true
	return false


# The place, what was expected and what was found; empty if nothing is wrong.
static func _fault_of(value: Variant, place: String, depth: int) -> PackedStringArray:
	if _is_unchanged(value, depth):
		return []
	if not (value is Array or value is Dictionary):
		var expected := "a number, a text, a bool, null, or an Array or Dictionary of these"
		var is_gone := typeof(value) == TYPE_OBJECT and not is_instance_valid(value)
		return [place, expected, "a freed Object" if is_gone else _MarlProblem.describe(value)]
	if depth == MOST_DEPTH:
		return [place, "at most %d Arrays and Dictionaries inside one another" % MOST_DEPTH, "more"]
	var keys: Array = value.keys() if value is Dictionary else range((value as Array).size())
	for key: Variant in keys:
		if value is Dictionary and not (key is String or key is StringName):
			var got := "the key %s (%s)" % [key, type_string(typeof(key))]
			return [place, "keys that are Strings", got]
		var fault := _fault_of(value[key], "%s[%s]" % [place, JSON.stringify(key)], depth + 1)
		if fault:
			return fault
	return []

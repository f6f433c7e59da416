class_name MarlInfos
extends RefCounted
## Finds what in an info would reach Python as something else: JSON would make a text of it.

## How many Arrays and Dictionaries may lie in each other.
const MOST_DEPTH := 100

# By Variant.Type: what JSON has, or what becomes a list of the same numbers or texts.
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


## What is wrong with the [param info] that [param agent] has given in [param place], or null.
static func problem_of(info: Dictionary, agent: String, place: String) -> MarlProblem:
	if _is_plain(info, 0):
		return null
	var fault := _fault_of(info, place, 0)
	return MarlProblem.new(
		"info",
		"Agent %s: get_info() answered something that would arrive as another value." % agent,
		fault[0],
		fault[1],
		fault[2],
		"Make numbers or texts of it, such as [v.x, v.y] of a Vector2, or Array(b) of bytes."
	)


static func _is_plain(value: Variant, depth: int) -> bool:
	if _LEAVES >> typeof(value) & 1:
		return true
	if depth == MOST_DEPTH:
		return false
	if value is Dictionary:
		for key: Variant in value:
			var member: Variant = value[key]
			if not (key is String or key is StringName):
				return false
			# Mostly it is a leaf, which costs no call here.
			if not _LEAVES >> typeof(member) & 1 and not _is_plain(member, depth + 1):
				return false
		return true
	if value is Array:
		for item: Variant in value:
			if not _LEAVES >> typeof(item) & 1 and not _is_plain(item, depth + 1):
				return false
		return true
	return false


# Where it is, what was expected and what was found; nothing of a plain value.
static func _fault_of(value: Variant, place: String, depth: int) -> PackedStringArray:
	if _is_plain(value, depth):
		return []
	if not (value is Array or value is Dictionary):
		var expected := "a number, a text, a bool, null, or an Array or Dictionary of these"
		var is_gone := typeof(value) == TYPE_OBJECT and not is_instance_valid(value)
		return [place, expected, "a freed Object" if is_gone else MarlProblem.describe(value)]
	if depth == MOST_DEPTH:
		return [place, "at most %d of Array and Dictionary in each other" % MOST_DEPTH, "more"]
	var keys: Array = value.keys() if value is Dictionary else range((value as Array).size())
	for key: Variant in keys:
		if value is Dictionary and not (key is String or key is StringName):
			var got := "the key %s (%s)" % [key, type_string(typeof(key))]
			return [place, "keys that are Strings", got]
		var fault := _fault_of(value[key], "%s[%s]" % [place, JSON.stringify(key)], depth + 1)
		if fault:
			return fault
	return []

extends RefCounted
## Validates Python's control messages (protocol, clauses 2.2, 2.4 and 2.5), so that other scripts
## need not check the types of their members.

const _MarlExactFloats := preload("res://addons/godot_marl/protocol/marl_exact_floats.gd")

## The greatest number of arenas.
const MOST_ARENAS := 1 << 16
## The greatest width and height of an image.
const MOST_PIXELS := 1 << 14

const _MOST := 0x7FFFFFFF
const _MOST_REQUESTS := 0xFFFFFFFF
const _GREATEST_SEED := "9223372036854775807"


## What is wrong with a message from _MarlControlMessages.read(), or an empty text. A message of
## another type has no members to check. This also restores the exact numbers of a reset's options.
static func problem_of(message: Dictionary) -> String:
	match message.get("type"):
		"configure":
			return _problem_of_configure(message)
		"reset":
			return _problem_of_reset(message)
		"render":
			return _problem_of_render(message)
	return ""


static func _problem_of_configure(message: Dictionary) -> String:
	if not _is_whole(message.get("protocol"), 0, _MOST):
		return "protocol is not a whole number"
	if not _is_whole(message.get("arenas", 1), 1, MOST_ARENAS):
		return "arenas is not a whole number from 1 to %d" % MOST_ARENAS
	for name: String in ["step_length", "physics_fps"]:
		if message.get(name) != null and not _is_whole(message[name], 1, _MOST):
			return "%s is not a whole number of at least 1" % name
	for name: String in ["real_time", "exact_reset"]:
		if not message.get(name, false) is bool:
			return "%s is neither true nor false" % name
	if not _is_number(message.get("turn_timeout", 0.0)) or message.get("turn_timeout", 0.0) < 0:
		return "turn_timeout is not a number of seconds"
	var human_agents: Variant = message.get("human_agents", [])
	if not human_agents is Array or not (human_agents as Array).all(_is_text):
		return "human_agents is not a list of names"
	if not message.get("layout", "separate") in ["separate", "shared"]:
		return "layout is neither separate nor shared"
	for name: String in ["action_spaces", "observation_spaces"]:
		var spaces: Variant = message.get(name, {})
		if not spaces is Dictionary or not (spaces as Dictionary).values().all(_is_object):
			return "%s is not an object of spaces" % name
	return ""


static func _problem_of_reset(message: Dictionary) -> String:
	if not _is_whole(message.get("request"), 0, _MOST_REQUESTS):
		return "request is not a request number"
	var entries: Variant = message.get("arenas")
	if not entries is Array:
		return "arenas is not a list"
	var named := {}
	for entry: Variant in entries:
		if not entry is Dictionary:
			return "an arena of a reset is not an object"
		var arena: Variant = (entry as Dictionary).get("arena")
		if not _is_whole(arena, 0, MOST_ARENAS) or named.has(arena):
			return "an arena of a reset has no index, or that of another one"
		named[arena] = true
		if not _is_seed((entry as Dictionary).get("seed")):
			return "the seed of an arena is not one"
		if not (entry as Dictionary).get("options") is Dictionary:
			return "the options of an arena are not an object"
		if not _MarlExactFloats.restore(entry["options"] as Dictionary, entry.get("exact", [])):
			return "the exact numbers of an arena's options do not belong to numbers"
	return ""


static func _problem_of_render(message: Dictionary) -> String:
	if not _is_whole(message.get("request"), 0, _MOST_REQUESTS):
		return "request is not a request number"
	if not _is_whole(message.get("arena"), 0, MOST_ARENAS):
		return "arena is not an index"
	var size: Variant = message.get("size")
	if size == null:
		return ""
	if not size is Array or (size as Array).size() != 2 or not (size as Array).all(_is_length):
		return "size is not two lengths of 1 to %d" % MOST_PIXELS
	return ""


static func _is_seed(value: Variant) -> bool:
	if not value is String:
		return false
	var text: String = value
	if text.is_empty() or text.length() > _GREATEST_SEED.length():
		return false
	for letter in text:
		if letter < "0" or letter > "9":
			return false
	# Of two texts of the same length, the greater text is the greater number.
	return text.length() < _GREATEST_SEED.length() or text <= _GREATEST_SEED


static func _is_length(value: Variant) -> bool:
	return _is_whole(value, 1, MOST_PIXELS)


static func _is_whole(value: Variant, least: int, most: int) -> bool:
	return _is_number(value) and value >= least and value <= most and value == floor(value)


static func _is_number(value: Variant) -> bool:
	return (value is float or value is int) and is_finite(value as float)


static func _is_text(value: Variant) -> bool:
	return value is String


static func _is_object(value: Variant) -> bool:
	return value is Dictionary

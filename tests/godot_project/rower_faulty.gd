extends "res://rower_plain.gd"
## Does what the option "faults" of the reset says: from step 3 on an agent (by index) answers
## something else, or does something to another one. The first agent ends at step 1 if "early" is
## set.

var _faults: Array = []
var _has_early_end := false


func set_options(options: Dictionary) -> Array:
	_faults = options.get("faults", [])
	_has_early_end = options.get("early", false)
	return []


func reset() -> void:
	super()
	end_at = 1 if _has_early_end and name == "Rower" else 6


func apply_action(action: Array) -> void:
	super(action)
	_answer("apply_action", null)


func get_observation() -> Variant:
	return _answer("get_observation", super())


func get_reward() -> Variant:
	return _answer("get_reward", super())


func is_done() -> Variant:
	return _answer("is_done", super())


func is_truncated() -> Variant:
	return _answer("is_truncated", super())


func _answer(method: String, right: Variant) -> Variant:
	for fault: Dictionary in _faults:
		if steps < 3 or fault["method"] != method or fault["agent"] != name:
			continue
		if fault.has("answer"):
			return str_to_var(fault["answer"] as String)
		var other := get_node_or_null("../%s" % fault["whom"])
		if other:
			_let_happen(fault["what"] as String, other)
	return right


func _let_happen(what: String, other: Node) -> void:
	match what:
		"free":
			other.free()
		"queue":
			other.queue_free()
		"take":
			get_parent().remove_child(other)

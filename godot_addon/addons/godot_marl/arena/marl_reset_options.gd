extends RefCounted
## Passes the options of one reset to all nodes with set_options.

const _MarlProblem := preload("res://addons/godot_marl/protocol/marl_problem.gd")

var _options := {}
var _receivers: Array[Node] = []
var _rejections := {}
var _problem: _MarlProblem


func _init(options: Dictionary) -> void:
	_options = options


## Passes the options to [param node], if it has set_options.
func pass_to(node: Node) -> void:
	if not node.has_method("set_options"):
		return
	_receivers.append(node)
	var rejected: Variant = node.call("set_options", _options)
	if not (rejected is Array or rejected is PackedStringArray):
		_problem = _MarlProblem.new(
			"options",
			"set_options() must answer the keys that it rejects.",
			"%s.set_options()" % node.get_path(),
			"an Array of keys, empty if all are fine",
			_MarlProblem.describe(rejected),
			"Return [] when every option is known."
		)
		return
	for key: Variant in Array(rejected):
		_rejections[key] = _rejections.get(key, 0) + 1


## What is wrong, or null. An option is rejected if all nodes reject it: two kinds of agents may
## know different options.
func get_problem() -> _MarlProblem:
	if _problem:
		return _problem
	for key: Variant in _rejections:
		if _rejections[key] == _receivers.size():
			return _MarlProblem.new(
				"options",
				"The scene rejects a reset option.",
				"%s.set_options()" % _receivers[0].get_path(),
				"an option that the scene knows",
				"%s" % key,
				"Leave it out of reset(options=...), or let set_options() accept it."
			)
	return null

class_name MarlOptions
extends RefCounted
## The options of one reset on their way to everybody who has set_options.

var _options := {}
var _asked: Array[Node] = []
var _rejections := {}
var _problem: MarlProblem


func _init(options: Dictionary) -> void:
	_options = options


## Hands the options to [param node], if it wants them.
func pass_to(node: Node) -> void:
	if not node.has_method("set_options"):
		return
	_asked.append(node)
	var rejected: Variant = node.call("set_options", _options)
	if not (rejected is Array or rejected is PackedStringArray):
		_problem = MarlProblem.new(
			"options",
			"set_options() must answer the keys that it rejects.",
			"%s.set_options()" % node.get_path(),
			"an Array of keys, empty if all are fine",
			MarlProblem.describe(rejected),
			"Return [] when every option is known."
		)
		return
	for key: Variant in Array(rejected):
		_rejections[key] = _rejections.get(key, 0) + 1


## What is wrong, or null. A key is rejected when everybody who was asked rejects it: two kinds of
## agents may each know options of their own.
func get_problem() -> MarlProblem:
	if _problem:
		return _problem
	for key: Variant in _rejections:
		if _rejections[key] == _asked.size():
			return MarlProblem.new(
				"options",
				"The scene rejects a reset option.",
				"%s.set_options()" % _asked[0].get_path(),
				"an option that the scene knows",
				"%s" % key,
				"Leave it out of reset(options=...), or let set_options() accept it."
			)
	return null

extends SceneTree
## Asks the addon about infos that would arrive as something else, and prints for each a line of
## JSON with its name and what is wrong. Run by tests/test_infos.py in a project with the addon.

const _MarlControlMessages := preload("res://addons/godot_marl/protocol/marl_control_messages.gd")
const _MarlInfoValidator := preload("res://addons/godot_marl/protocol/marl_info_validator.gd")


func _initialize() -> void:
	var node := Node.new()
	node.name = "Cart"
	var freed := Node.new()
	freed.free()
	var values := {
		"vector": {"at": Vector2(1.0, 2.0)},
		"vector in a list": {"a": [0, {"b": [1, Vector3(1.0, 2.0, 3.0)]}]},
		"integer vector": {"at": Vector3i(1, 2, 3)},
		"color": {"color": Color.RED},
		"transform": {"at": Transform2D.IDENTITY},
		"node": {"who": [node]},
		"freed": {"who": freed},
		"rid": {"rid": RID()},
		"callable": {"call": node.get_name},
		"bytes": {"bytes": PackedByteArray([1, 2])},
		"vectors": {"path": PackedVector2Array([Vector2.ZERO])},
		"colors": {"a": PackedColorArray()},
		"integer key": {"a": {"b": 1, 2: 3}},
		"null key": {null: 1},
		"vector key": {"grid": [{Vector2i(1, 2): 1}]},
		"quoted key": {'a"\\': {"b": Vector2.ZERO}},
		"too deep": {"a": _deep(100)},
		"array ring": {"a": _ring_of_arrays()},
		"dictionary ring": _ring_of_dictionaries(),
	}
	for name: String in values:
		var problem := _MarlInfoValidator.problem_of(
			values[name] as Dictionary, "cart_0", "get_info()"
		)
		var members: Variant = problem.to_dictionary() if problem else null
		print(_MarlControlMessages.to_text({"name": name, "problem": members}))
	node.free()


# Ends the program after the first frame, even if _initialize failed.
func _process(_delta: float) -> bool:
	return true


static func _deep(depth: int) -> Array:
	var value := []
	for i in depth - 1:
		value = [value]
	return value


static func _ring_of_arrays() -> Array:
	var ring := [1]
	ring.append(ring)
	return ring


static func _ring_of_dictionaries() -> Dictionary:
	var ring := {"a": 1}
	ring["self"] = ring
	return ring

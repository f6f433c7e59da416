extends "res://walker.gd"
## A walker whose info holds one of everything that JSON can bring to Python as it is.


func get_info() -> Dictionary:
	return {
		"null": null,
		"bool": true,
		"integers": [0, -1, 9007199254740993, 9223372036854775807, -9223372036854775807],
		"floats": [0.5, 0.1 + 0.2, 1.0 / 3.0, 1e300 / 3.0, pow(2.0, -1074), INF, -INF, NAN],
		"text": 'ü\n"\\\t\u000b\u2028😀',
		&"name": &"a name",
		"path": get_path(),
		"packed":
		[PackedInt32Array([1, -2]), PackedInt64Array([1 << 62]), PackedStringArray(["a"])],
		"packed floats": [PackedFloat32Array([0.5, 0.1]), PackedFloat64Array([0.1 + 0.2])],
		"typed": [Array([1, 2], TYPE_INT, &"", null)],
		"nested": {"a": [{"b": {}}, []], "": 0},
		"deep": _deep(99),
	}


static func _deep(depth: int) -> Array:
	var value := []
	for i in depth - 1:
		value = [value]
	return value

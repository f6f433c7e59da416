extends RefCounted
## What one agent of crowd.gd does, whichever node answers for it.

const SIZE := 3

var kind := ""
var index := 0
var is_over := false
var actions: Array = []

var _place := 0.0
var _frames := 0
var _last := 0.0


func _init(rules_kind: String, rules_index: int) -> void:
	kind = rules_kind
	index = rules_index


func reset(first_seed: int) -> void:
	var random := RandomNumberGenerator.new()
	random.seed = hash([first_seed, index])
	_place = random.randf()
	_frames = 0
	_last = 0.0
	actions = []


func apply(action: Array) -> void:
	_last = 0.0
	for i in action.size():
		_last += (i + 1) * action[i]
	actions.append(action)


func pass_frame() -> void:
	_frames += 1
	_place += 0.1 * (1 + index % 4) * _last


func observe() -> Array:
	if kind in ["plain", "arrays", "bare", "float64"]:
		return [_place, _frames / 7.0, _last]
	# A whole number of few bits for the others.
	return [int(_place) % 2, _frames % 2, int(_last) & 1]


func reward() -> float:
	return _place / 3.0


func is_done() -> bool:
	return _place > 4.0


func is_truncated() -> bool:
	return _frames >= 12 + 2 * (index % 3)


func info() -> Dictionary:
	return {"actions": actions.duplicate(), "index": index} if _frames % 2 else {}


func mask() -> Array:
	if kind == "multi_discrete":
		return [1, _frames % 2, int(_place > 1.0), 1, 0]
	return [1, _frames % 2, index % 2]


func observation_space() -> Dictionary:
	match kind:
		"float64":
			return MarlSpace.box_of_shape([SIZE], -INF, INF, "float64")
		"multi_discrete":
			return MarlSpace.multi_discrete([2, 2, 2])
		"binary":
			return MarlSpace.multi_binary(SIZE)
		"bytes":
			return MarlSpace.box_of_shape([1, SIZE], 0.0, 255.0, "uint8")
		"int16":
			return MarlSpace.box_of_shape([SIZE], -9.0, 9.0, "int16")
	return MarlSpace.box_of_shape([SIZE], -INF, INF)


func action_space() -> Dictionary:
	match kind:
		"float64":
			return MarlSpace.box([-1.0, 0.0], [1.0, 2.0])
		"multi_discrete":
			return MarlSpace.multi_discrete([3, 2])
		"binary":
			return MarlSpace.multi_binary(4)
		"bytes":
			return MarlSpace.box_of_shape([2], 0.0, 1.0, "float64")
		"int16":
			return MarlSpace.box_of_shape([2], -1.0, 3.0, "int32")
	return MarlSpace.discrete(3)


## Whether this kind has the optional methods get_action_mask, get_info and is_truncated.
static func has_mask(kind_of_rules: String) -> bool:
	return kind_of_rules in ["plain", "arrays", "multi_discrete"]

extends Node
## All agents of crowd.gd in one node. For those that have ended it answers nonsense.

const Rules := preload("res://crowd_rules.gd")

var rules: Array[Rules] = []
# One array that is written again and again, as a scene may do.
var _done: PackedByteArray = []
var _has_ended: PackedByteArray = []
var _seed := 0


func _ready() -> void:
	_has_ended.resize(rules.size())


func _physics_process(_delta: float) -> void:
	for one in rules:
		one.pass_frame()


func get_agent_count() -> int:
	return rules.size()


func apply_action(actions: Variant) -> void:
	var types := {
		"float64": TYPE_PACKED_FLOAT32_ARRAY,
		"binary": TYPE_PACKED_BYTE_ARRAY,
		"bytes": TYPE_PACKED_FLOAT64_ARRAY,
		"int16": TYPE_PACKED_INT32_ARRAY,
	}
	assert(typeof(actions) == types.get(rules[0].kind, TYPE_PACKED_INT64_ARRAY))
	var size: int = actions.size() / rules.size()
	for i in rules.size():
		var action := Array(actions.slice(i * size, (i + 1) * size))
		assert(not _has_ended[i] or action.count(0) + action.count(0.0) == size)
		rules[i].apply(action)


func get_observation() -> Variant:
	var numbers := []
	for i in rules.size():
		numbers.append_array(rules[i].observe())
	match rules[0].kind:
		"arrays":
			return numbers
		"float64":
			return _spoil(PackedFloat64Array(numbers), NAN)
		"multi_discrete":
			return _spoil(PackedInt64Array(numbers), 1)
		"binary", "bytes":
			return _spoil(PackedByteArray(numbers), 1)
		"int16":
			return _spoil(PackedInt32Array(numbers), 7)
	return _spoil(PackedFloat32Array(numbers), NAN)


func get_reward() -> Variant:
	var rewards := PackedFloat64Array()
	for one in rules:
		rewards.append(one.reward())
	return Array(rewards) if rules[0].kind == "arrays" else _spoil(rewards, NAN)


func is_done() -> Variant:
	_done.resize(rules.size())
	for i in rules.size():
		# An agent that has ended may answer something else, even a value that is no flag.
		_done[i] = 2 * (i % 2) if _has_ended[i] else int(rules[i].is_done())
	for i in rules.size():
		if rules[i].is_done():
			_has_ended[i] = 1
	if rules[0].kind == "arrays":
		return rules.map(func(one: Rules) -> bool: return one.is_done())
	return _done


func set_seed(value: int) -> void:
	_seed = value


func reset() -> void:
	_has_ended.fill(0)
	for one in rules:
		one.reset(_seed)


func get_action_space() -> Dictionary:
	return rules[0].action_space()


func _spoil(answer: Variant, nonsense: Variant) -> Variant:
	var size: int = answer.size() / rules.size()
	for i in rules.size():
		if _has_ended[i]:
			for j in size:
				answer[i * size + j] = nonsense
	return answer

extends Node
## Two agents in one node, which writes down what is called. The reset option "end_at" says in which
## step each ends, "leave_at" in which frame the node leaves.

const Calls := preload("res://group_calls_root.gd")

## Whether the calls are written down, and the options heeded.
@export var is_noted := true

var _frames := 0
var _steps := 0
var _end_at: Array = [100, 100]
var _leave_at := -1
var _seed := 0


func _physics_process(_delta: float) -> void:
	_note("_physics_process")
	_frames += 1
	if _frames == _leave_at:
		queue_free()


func get_agent_count() -> int:
	_note("get_agent_count")
	return 2


func get_policy_name() -> String:
	_note("get_policy_name")
	return "ant"


func apply_action(actions: PackedInt64Array) -> void:
	_note("apply_action(%s)" % [actions])


func get_observation() -> PackedFloat32Array:
	_note("get_observation")
	return [_steps, _steps]


func get_reward() -> PackedFloat32Array:
	_note("get_reward")
	_steps += 1
	return [1, 1]


func is_done() -> Array:
	_note("is_done")
	return _end_at.map(func(step: float) -> bool: return _steps >= step)


func is_truncated() -> Array:
	_note("is_truncated")
	return [false, false]


func get_action_mask() -> Array:
	_note("get_action_mask")
	return [1, 1, 1, 1]


func get_info() -> Array:
	_note("get_info")
	var info := {"seed_of_group": _seed, "calls": (get_parent() as Calls).calls}
	return [info, info]


func set_options(options: Dictionary) -> Array:
	_note("set_options")
	_end_at = options.get("end_at", _end_at) if is_noted else _end_at
	_leave_at = int(options.get("leave_at", -1) as float) if is_noted else -1
	return []


func set_seed(value: int) -> void:
	_note("set_seed")
	_seed = value


func reset() -> void:
	_note("reset")
	_frames = 0
	_steps = 0


func get_observation_space() -> Dictionary:
	_note("get_observation_space")
	return MarlSpace.box_of_shape([1], 0.0, 100.0)


func get_action_space() -> Dictionary:
	_note("get_action_space")
	return MarlSpace.discrete(2)


func _note(call: String) -> void:
	if is_noted:
		(get_parent() as Calls).calls.append(call)

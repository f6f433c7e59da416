extends Node
## An agent with the five required methods, an action space, and an info: all calls so far, its own
## included. It is done after [member steps] steps.

const CallLog := preload("res://call_log.gd")

@export var steps := 1000

var _done_in := 0

@onready var _log: CallLog = get_parent()


func _physics_process(_delta: float) -> void:
	_add("_physics_process")


func apply_action(action: Array) -> void:
	_add("apply_action(%s)" % [action])


func get_observation() -> Array:
	_add("get_observation")
	return [0.0, float(_done_in)]


func get_reward() -> float:
	_add("get_reward")
	_done_in -= 1
	return 1.0


func is_done() -> bool:
	_add("is_done")
	return _done_in <= 0


func reset() -> void:
	_add("reset")
	_done_in = steps


func get_action_space() -> Dictionary:
	_add("get_action_space")
	return MarlSpace.discrete(3)


func get_info() -> Dictionary:
	_add("get_info")
	return {"calls": _log.calls}


func _add(method: String) -> void:
	_log.calls.append("%s.%s" % [str(name).to_lower(), method])

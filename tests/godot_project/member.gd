extends Node
## One of several agents. Reset options say at which step it ends, and how, by its node's name:
## [code]{"terminate": {"Runner": 3}, "truncate": {...}, "leave": {...}}[/code].

enum Body { RUNNER, THROWER }

const OPTIONS: Array[String] = ["terminate", "truncate", "leave"]

@export var body := Body.RUNNER

var _step := 0
var _own_seed := 0
var _ends := {}
var _action: Array = []


func apply_action(action: Array) -> void:
	_step += 1
	_action = action
	if _step == _end("leave"):
		queue_free()


func get_observation() -> Array:
	return [_step] if body == Body.RUNNER else [_step, _step / 10.0, 0]


func get_reward() -> float:
	return 0.5 if body == Body.RUNNER else -1.0


func is_done() -> bool:
	return _step == _end("terminate")


func is_truncated() -> bool:
	return _step == _end("truncate")


func reset() -> void:
	_step = 0
	_action = []


func set_seed(own_seed: int) -> void:
	_own_seed = own_seed


func set_options(options: Dictionary) -> Array:
	_ends = options
	return options.keys().filter(func(key: String) -> bool: return not OPTIONS.has(key))


func get_observation_space() -> Dictionary:
	return MarlSpace.box_of_shape([1 if body == Body.RUNNER else 3], -10.0, 100.0)


func get_action_space() -> Dictionary:
	if body == Body.RUNNER:
		return MarlSpace.box([-1.0, 0.0], [1.0, 5.0])
	return MarlSpace.discrete(4)


func get_policy_name() -> String:
	return "runner" if body == Body.RUNNER else "thrower"


func get_info() -> Dictionary:
	if _step > 1:
		return {}
	return {"own_seed": _own_seed, "options": _ends, "action": _action}


func _end(way: String) -> int:
	var by_name: Dictionary = _ends.get(way, {})
	return int(by_name.get(str(name), -1) as float)

extends Node
## An agent whose method FAULT (an environment variable) calls a method of nothing. All methods have
## a return type, so that without a report each failure would look like a zero.

var _steps := 0


func _init() -> void:
	print("begun ", _self_or_nothing("_init").name)


func _ready() -> void:
	print("ready ", _self_or_nothing("_ready").name)


func _process(_delta: float) -> void:
	_self_or_nothing("_process").get_index()


func _physics_process(_delta: float) -> void:
	_self_or_nothing("_physics_process").get_index()


func apply_action(_action: Array) -> void:
	_steps += _self_or_nothing("apply_action").get_index()


func get_observation() -> Array:
	return [float(_self_or_nothing("get_observation").get_index())]


func get_reward() -> float:
	return _weigh(_self_or_nothing("get_reward").get_index())


func is_done() -> bool:
	return _self_or_nothing("is_done").get_index() < 0


func reset() -> void:
	_steps = _self_or_nothing("reset").get_index()


func get_observation_space() -> Dictionary:
	return MarlSpace.box_of_shape([_self_or_nothing("get_observation_space").get_index()])


func get_action_space() -> Dictionary:
	return MarlSpace.discrete(1 + _self_or_nothing("get_action_space").get_index())


func is_truncated() -> bool:
	return _self_or_nothing("is_truncated").get_index() < 0


func get_info() -> Dictionary:
	return {"index": _self_or_nothing("get_info").get_index()}


func get_action_mask() -> Array:
	return [1, _self_or_nothing("get_action_mask").get_index()]


func get_agent_name() -> String:
	return "failing_%d" % _self_or_nothing("get_agent_name").get_index()


func get_policy_name() -> String:
	return "policy_%d" % _self_or_nothing("get_policy_name").get_index()


func set_seed(_own_seed: int) -> void:
	_steps = _self_or_nothing("set_seed").get_index()


func set_options(_options: Dictionary) -> Array:
	_steps = _self_or_nothing("set_options").get_index()
	return []


func _weigh(index: int) -> float:
	if OS.get_environment("FAULT") == "endless recursion":
		return _weigh(index)
	return float(_self_or_nothing("_weigh").get_index() * index)


func _self_or_nothing(method: String) -> Node:
	return null if OS.get_environment("FAULT") == method else self

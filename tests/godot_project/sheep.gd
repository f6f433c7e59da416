extends Node
## One sheep of herd.gd.

var id := 0
var done := false
var truncated := false
var seed_value := 0
var _steps := 0


func apply_action(_action: Array) -> void:
	pass


func get_observation() -> Array:
	return [id, _steps]


func get_reward() -> float:
	_steps += 1
	return 1.0 + id


func reset() -> void:
	_steps = 0


func is_done() -> bool:
	return done


func is_truncated() -> bool:
	return truncated


func set_seed(value: int) -> void:
	seed_value = value


func get_info() -> Dictionary:
	return {"seed_value": str(seed_value)}


func get_policy_name() -> String:
	return "sheep"


func get_observation_space() -> Dictionary:
	return MarlSpace.box([-INF, -INF], [INF, INF])


func get_action_space() -> Dictionary:
	return MarlSpace.discrete(2)

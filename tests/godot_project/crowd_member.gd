extends Node
## An ordinary agent of crowd.gd.

const Crowd := preload("res://crowd.gd")
const Rules := preload("res://crowd_rules.gd")

var rules: Rules
var _own_seed := 0

@onready var _crowd: Crowd = get_parent()


func _physics_process(_delta: float) -> void:
	rules.pass_frame()


func apply_action(action: Array) -> void:
	rules.apply(action)


func get_observation() -> Array:
	return rules.observe()


func get_reward() -> float:
	return rules.reward()


func is_done() -> bool:
	return rules.is_done()


func set_seed(value: int) -> void:
	_own_seed = value
	if rules.index == 0:
		_crowd.first_seed = value


func reset() -> void:
	rules.reset(_crowd.first_seed if rules.index < 100 else _own_seed)


func get_action_space() -> Dictionary:
	return rules.action_space()

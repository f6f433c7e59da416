extends Node
## An agent that answers what the environment variable FAULT says, "METHOD=ANSWER", where a step
## was made. "METHOD=ANSWER at once" does so from the beginning.

var _fault := OS.get_environment("FAULT")
var _acted := false


func apply_action(_action: Array) -> void:
	_acted = true
	_answer("apply_action", null)


func get_observation() -> Variant:
	return _answer("get_observation", [0.5, 0.5])


func get_reward() -> Variant:
	return _answer("get_reward", 1.0)


func is_done() -> Variant:
	return _answer("is_done", false)


func reset() -> void:
	_acted = false


func get_observation_space() -> Variant:
	return _answer("get_observation_space", MarlSpace.box([0.0, 0.0], [1.0, 1.0]))


func get_action_space() -> Variant:
	return _answer("get_action_space", MarlSpace.discrete(2))


func is_truncated() -> Variant:
	return _answer("is_truncated", false)


func get_info() -> Variant:
	return _answer("get_info", {})


func get_action_mask() -> Variant:
	return _answer("get_action_mask", [1, 0])


func get_agent_name() -> Variant:
	return _answer("get_agent_name", "answering")


func get_policy_name() -> Variant:
	return _answer("get_policy_name", "default")


func set_options(_options: Dictionary) -> Variant:
	return _answer("set_options", [])


func _answer(method: String, right: Variant) -> Variant:
	var at_once := _fault.ends_with(" at once")
	var fault := _fault.trim_suffix(" at once").split("=", true, 1)
	if fault[0] != method or not (_acted or at_once):
		return right
	match fault[1]:
		"loop":
			while true:
				OS.delay_msec(1)
		"quit":
			get_tree().quit(3)
			return right
		"crash":
			OS.crash("on purpose")
		"print":
			print("a line of no interest\n".repeat(100_000))
			return right
	return str_to_var(fault[1])

extends Node
# Goes wrong in its second step, in the way that the environment variable FAULT names. Else it answers its action.

var _fault = OS.get_environment("FAULT")
var _action = []
var _steps = 0


func apply_action(action):
	_action = action
	_steps += 1
	if _steps < 2:
		return
	match _fault:
		"quit":
			get_tree().quit()
		"loop":
			while true:
				pass
		"script":
			get_node("Nobody").queue_free()


func get_observation():
	if _steps < 2:
		return [_steps, len(_action)]
	match _fault:
		"nan":
			return [0, sqrt(-1.0)]
		"count":
			return [0, 1, 2]
		"text":
			return ["one", 2]
		"null":
			return null
	return [_steps, len(_action)]


func get_reward():
	return _action[0]


func is_done():
	if _fault == "done" and _steps > 1:
		return "no"
	return _steps == 3


func reset():
	_steps = 0

extends "res://check_agent.gd"
## Starts itself again as soon as it has ended.

var _over := false


func apply_action(action: Array) -> void:
	super(action)
	_over = steps >= LENGTH
	if _over:
		place = 0.0
		steps = 0


func is_done() -> bool:
	return _over


func reset() -> void:
	super()
	_over = false

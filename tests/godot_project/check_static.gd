extends "res://check_agent.gd"
## Counts in a variable that all copies share.

static var _shared := 0


func reset() -> void:
	super()
	_shared = 0


func apply_action(action: Array) -> void:
	super(action)
	_shared += 1


func get_reward() -> float:
	return float(_shared)

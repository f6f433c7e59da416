extends "res://check_agent.gd"
## Pauses the whole tree, and so the other copies.

var _ticks := 0


func _physics_process(_delta: float) -> void:
	_ticks += 1


func get_observation() -> Array:
	get_tree().paused = place < 0.0
	return [float(_ticks - steps), float(steps)]


func reset() -> void:
	super()
	_ticks = 0

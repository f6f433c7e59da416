extends Node
## The root of an arena that remembers every call of the interface, in order, and of physics.

var calls: PackedStringArray = []


func reset_arena() -> void:
	calls.append("arena.reset_arena")


func get_state() -> Array:
	calls.append("arena.get_state")
	return [calls.size()]


func get_state_space() -> Dictionary:
	calls.append("arena.get_state_space")
	return MarlSpace.box([0.0], [INF])

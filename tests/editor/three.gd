extends Node2D
## Three of the five methods; they must not be called in the editor.


func apply_action(_action: Array) -> void:
	push_error("called")


func get_observation() -> Array:
	push_error("called")
	return []


func get_reward() -> float:
	push_error("called")
	return 0.0

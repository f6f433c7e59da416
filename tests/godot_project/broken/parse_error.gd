extends Node
## Does not parse, on purpose.


func apply_action(_action: Array) -> void:
	var speed: int = "fast"
	if speed

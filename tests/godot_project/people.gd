extends Node
## The root of people.tscn: it counts its frames, and holds what the persons answer.

var frames := 0
## By node name: one text for each call of get_human_action.
var answers := {}


func set_options(options: Dictionary) -> Array:
	answers = options.get("answers", {})
	return []


func reset_arena() -> void:
	frames = 0


func _physics_process(_delta: float) -> void:
	frames += 1

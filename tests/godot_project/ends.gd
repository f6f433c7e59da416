extends Node
## Makes agents in code before the first frame, as the environment variable ENDS says: "3,1,t2" are
## three agents that end at the third, first and second step, the last one truncated.

const Ender := preload("res://ender.gd")


func _ready() -> void:
	for plan in OS.get_environment("ENDS").split(",", false):
		var ender := Ender.new()
		ender.is_cut = plan.begins_with("t")
		ender.end_at = plan.lstrip("t").to_int()
		ender.size = 2 + get_child_count() % 3
		ender.name = "Ender"
		add_child(ender, true)


func get_state() -> Array:
	var steps := [get_child_count()]
	for child in get_children():
		if child is Ender:
			steps.append((child as Ender).step)
	return steps


func get_state_space() -> Dictionary:
	var agents := OS.get_environment("ENDS").split(",", false).size()
	return MarlSpace.box_of_shape([1 + agents], 0.0, 1000.0)

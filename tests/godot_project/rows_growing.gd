extends "res://rows.gd"
## One more agent comes in frame 3 of each episode, and goes in frame 6. None of them has an info.

var _frames := 0
var _late: Node


func reset_arena() -> void:
	_frames = 0
	if is_instance_valid(_late):
		_late.free()


func get_possible_agents() -> Dictionary:
	var box := MarlSpace.box_of_shape([3], -INF, INF)
	var declaration := {"max": 1, "observation_space": box, "action_space": MarlSpace.discrete(3)}
	return {"default": declaration}


func _physics_process(_delta: float) -> void:
	_frames += 1
	if _frames == 3:
		_late = load("res://rower_growing.gd").new()
		add_child(_late)
	elif _frames == 6:
		_late.queue_free()

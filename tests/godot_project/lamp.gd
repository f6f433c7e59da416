extends Node2D
## A lamp that its agent, this node, moves: each action is its next place, and frames
## show it. With LAMP=camera in the environment a camera watches it.

const ROOM := Vector2(300.0, 300.0)

var _lamp := ColorRect.new()


func _ready() -> void:
	var wall := ColorRect.new()
	wall.size = ROOM
	wall.color = Color.DARK_BLUE
	add_child(wall)
	_lamp.size = Vector2(20.0, 20.0)
	_lamp.color = Color.GOLD
	add_child(_lamp)
	if OS.get_environment("LAMP") == "camera":
		var camera := Camera2D.new()
		camera.position = Vector2(40.0, 30.0)
		add_child(camera)


func get_arena_size() -> Vector2:
	return ROOM


func apply_action(action: Array) -> void:
	_lamp.position.x = 10.0 + 25.0 * (action[0] as int)


func get_observation() -> Array:
	return [_lamp.position.x]


func get_reward() -> float:
	return 0.0


func is_done() -> bool:
	return false


func reset() -> void:
	_lamp.position = Vector2(10.0, 20.0)


func get_action_space() -> Dictionary:
	return MarlSpace.discrete(3)

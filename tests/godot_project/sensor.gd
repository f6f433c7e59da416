extends Node3D
## An agent that sees, with a ray cast along x, how far away a wall is, which each episode puts
## somewhere else: at 2, 4, 6, ... metres.

var _distance := 0.0

@onready var _ray: RayCast3D = $Ray
@onready var _wall: StaticBody3D = $Wall


func apply_action(_action: Array) -> void:
	pass


func get_observation() -> Array:
	return [_ray.get_collision_point().x if _ray.is_colliding() else -1.0, _distance]


func get_reward() -> float:
	return 0.0


func is_done() -> bool:
	return false


func reset() -> void:
	_distance += 2.0
	_wall.position.x = _distance


func get_action_space() -> Dictionary:
	return MarlSpace.discrete(2)

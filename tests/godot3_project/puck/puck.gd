extends Spatial
# A body of the physics engine, pushed with some force along one axis.

onready var body = $Body


func apply_action(action: Array) -> void:
	body.apply_central_impulse(Vector3(clamp(action[0], -1, 1), 0, 0))


func get_observation() -> Array:
	return [body.translation.x, body.linear_velocity.x]


func get_reward() -> float:
	return -abs(body.translation.x)


func is_done() -> bool:
	return abs(body.translation.x) > 5.0


func reset() -> void:
	body.translation = Vector3()
	body.linear_velocity = Vector3()

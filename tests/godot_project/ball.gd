extends RigidBody3D
## The agent of balls.gd: it rolls, and sees where all balls are.


func apply_action(action: Array) -> void:
	apply_central_force(Vector3(20.0 * (float(action[0] as int) - 1.0), 0.0, 3.0))


func get_observation() -> Array:
	var numbers := []
	for sibling in get_parent().get_children():
		if sibling is RigidBody3D:
			var place := (sibling as RigidBody3D).position
			numbers.append_array([place.x, place.y, place.z])
	return numbers


func get_reward() -> float:
	return position.x


func is_done() -> bool:
	return false


func reset() -> void:
	pass


func get_observation_space() -> Dictionary:
	return MarlSpace.box_of_shape([12], -INF, INF)


func get_action_space() -> Dictionary:
	return MarlSpace.discrete(3)

extends Node2D
## Sound: bodies of both worlds that fall, bounce and meet, and a sensor.


func apply_action(action: Array) -> void:
	var push := 30.0 if action[0] == 1 else -30.0
	($Flat as RigidBody2D).apply_central_impulse(Vector2(push, 0.0))
	($Deep as RigidBody3D).apply_central_impulse(Vector3(push / 50.0, 0.0, 0.0))


func get_observation() -> Array:
	var flat: RigidBody2D = $Flat
	var deep: RigidBody3D = $Deep
	var ray: RayCast2D = $Ray
	return [
		flat.position.x,
		flat.position.y,
		flat.rotation,
		deep.position.x,
		deep.position.y,
		deep.rotation.z,
		ray.get_collision_point().y if ray.is_colliding() else -1.0,
	]


func get_reward() -> float:
	return 1.0


func reset() -> void:
	pass


func is_done() -> bool:
	return false


func get_action_space() -> Dictionary:
	return MarlSpace.discrete(2)

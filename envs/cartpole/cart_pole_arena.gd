extends Node3D
## The root of CartPole's arena: it answers the state of the whole arena, which needs no memory of
## the step before as the agent's observation does.

@onready var _body: RigidBody3D = $Cart/Body
@onready var _pole: RigidBody3D = $Cart/Pole


## The cart's position and velocity along the track, the pole's angle and angular velocity.
func get_state() -> Array:
	var up: Vector3 = _pole.transform.basis.y
	return [_body.position.z, _body.linear_velocity.z, atan2(up.z, up.y), _pole.angular_velocity.x]


## Metres, metres per second, radians, radians per second. At most 47 m/s and 5 rad/s were seen.
func get_state_space() -> Dictionary:
	return MarlSpace.box([-48.0, -100.0, -1.5, -25.0], [48.0, 100.0, 1.5, 25.0])

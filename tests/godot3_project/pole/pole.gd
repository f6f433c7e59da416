extends Spatial
# A wagon of 1 kg on the z axis with a rod of 0.5 kg and 12 m on a hinge: the bodies of GymGodot's CartPole.

const PUSH = 2.0

var place = 0.0
var angle = 0.0
var place_before = 0.0
var angle_before = 0.0

onready var wagon = $Wagon
onready var rod = $Rod


func apply_action(action: Array) -> void:
	var force = PUSH if action[0] == 1 else -PUSH
	wagon.apply_impulse(wagon.global_transform.origin, Vector3(0, 0, force))


func get_observation() -> Array:
	var numbers = [place, place - place_before, angle, angle - angle_before]
	place_before = place
	angle_before = angle
	return numbers


func get_reward() -> float:
	return 1.0


func is_done() -> bool:
	return abs(place) > 40 or abs(angle) > PI / 8


func reset() -> void:
	for body in [wagon, rod]:
		body.linear_velocity = Vector3.ZERO
		body.angular_velocity = Vector3.ZERO
	wagon.translation = Vector3.ZERO
	rod.translation = Vector3(0, 6, 0)
	rod.rotation = Vector3.ZERO
	place_before = 0.0
	angle_before = 0.0
	_look()


func _physics_process(_delta):
	_look()


func _look():
	place = wagon.global_transform.origin.z
	var up = rod.global_transform.basis.y
	angle = Vector3.UP.angle_to(up) * sign(up.z)
